"""Who was started by a process, and by those that it started, no matter who has adopted them since."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_MARK = "SCHED_CACHE_TEST_FAMILY"


class Family:
    """A process and its descendants, told by a variable that all of them inherit. Linux only."""

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str] = os.environ, **options: Any
    ) -> None:
        self._mark = f"{_MARK}={uuid.uuid4()}".encode()
        name, _, value = self._mark.decode().partition("=")
        self.head = subprocess.Popen(command, env={**environ, name: value}, **options)

    def members(self) -> dict[int, str]:
        """Process id -> command line of all that live."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if self._mark in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def wait_until(self, holds: Callable[[dict[int, str]], bool], timeout_seconds: float) -> None:
        """Returns once this holds of the members. Raises TimeoutError with those that there are."""
        until = time.monotonic() + timeout_seconds
        while not holds(members := self.members()):
            if time.monotonic() > until:
                raise TimeoutError(f"still there: {members}")
            time.sleep(0.05)
