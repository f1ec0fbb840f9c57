"""`sched-cache watch` as a process, and waiting for what it does."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_PATIENCE_SECONDS = 30.0


def wait_until(happened: Callable[[], bool], what: str, seconds: float = _PATIENCE_SECONDS) -> float:
    """How many seconds it took until `happened`. Fails when it did not."""
    started = time.monotonic()
    while not happened():
        waited = time.monotonic() - started
        assert waited < seconds, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.02)
    return time.monotonic() - started


class Watching:
    """The running command. Its lines are in `log`."""

    def __init__(self, log: Path) -> None:
        self.log = log

    @property
    def lines(self) -> str:
        """Its output so far."""
        return self.log.read_text() if self.log.exists() else ""

    def wait_for(self, words: str) -> None:
        """Returns when its output contains `words`."""
        wait_until(lambda: words in self.lines, f"{words!r} in {self.lines!r}")


@contextmanager
def watching(log: Path, environment: Mapping[str, str], *arguments: str) -> Iterator[Watching]:
    """Runs the command until the block ends. Begins when it has looked at all files."""
    command = "import sys; from sched_cache.cli import main; sys.exit(main(sys.argv[1:]))"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", command, "watch", *arguments],
            env=dict(environment),
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
        )
    said = Watching(log)
    n_before = said.lines.count("DAG files")
    try:
        wait_until(
            lambda: said.lines.count("DAG files") > n_before or process.poll() is not None, "it to begin"
        )
        assert process.poll() is None, said.lines
        yield said
    finally:
        process.kill()
        process.wait()
