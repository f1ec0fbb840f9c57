"""The command line itself."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("command", [["bench"], ["sched_cache", "bench"]], ids=" ".join)
def test_a_reader_that_has_seen_enough_gets_no_traceback(command: list[str]) -> None:
    """As in `python -m bench list | head -1`; the exit code is that of a program that SIGPIPE has ended."""
    arguments = [sys.executable, "-m", *command, "list", "--python", sys.executable]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 141
