"""Processes that a session starts: one JSON line to them, JSON lines from them."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from ..interpreter import PACKAGE
from ..leash import let_go, start_on_leash

_MODULE_PREFIX = f"{PACKAGE}."


class Child:
    """`python -m module` in this process's environment, or with more variables."""

    def __init__(self, module: str, environ: Mapping[str, str] | None = None) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed by stop
        self._process = start_on_leash(
            [sys.executable, "-m", _MODULE_PREFIX + module],
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=dict(environ) if environ is not None else None,
        )

    def send(self, message: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def receive(self) -> Any:
        """The next line. Raises RuntimeError with the end of its log if it has ended instead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise RuntimeError(f"a process ended by itself:\n{self._log.read()[-3000:]}")
        return json.loads(line)

    def ask(self, message: object) -> Any:
        self.send(message)
        return self.receive()

    def stop(self) -> None:
        let_go(self._process)
        self._log.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
