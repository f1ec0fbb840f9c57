"""Modules of this checkout as processes, and the JSON lines that a test exchanges with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

CHECKOUT = Path(__file__).resolve().parents[2]
FROM_CHECKOUT: Mapping[str, str] = {"PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'adapters'}"}
"""The environment in which a process imports the modules of this checkout."""
_NO_VARIABLES: Mapping[str, str] = {}


class ModuleProcess:
    """`python -m MODULE ARGUMENTS`, killed at the end of its block.

    Args:
        environ: more variables than this process has.
        talks: whether its input and output are read and written here; otherwise it inherits them.
    """

    def __init__(
        self, module: str, *arguments: str, environ: Mapping[str, str] = _NO_VARIABLES, talks: bool = True
    ) -> None:
        self.module = module
        stream = subprocess.PIPE if talks else None
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=CHECKOUT,
            env={**os.environ, **environ, **FROM_CHECKOUT},
            stdin=stream,
            stdout=stream,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def send(self, message: object) -> None:
        """Writes one line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def answers(self) -> Iterator[Any]:
        """The JSON lines that it writes, until it ends. Other lines are skipped: the host logs there, too."""
        assert self._process.stdout is not None
        for line in iter(self._process.stdout.readline, ""):
            try:
                answer = json.loads(line)
            except ValueError:
                continue
            yield answer

    def answer(self) -> Any:
        """The next answer. Raises AssertionError if the process has ended without one."""
        for answer in self.answers():
            return answer
        raise AssertionError(f"{self.module} ended without an answer")

    def ask(self, message: object) -> Any:
        """The answer to this message."""
        self.send(message)
        return self.answer()

    def kill(self) -> None:
        """Ends it at once, and waits for its end. A child that it has forked may live on, and hold its output."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):  # the last words to a process that has ended
                    stream.close()
