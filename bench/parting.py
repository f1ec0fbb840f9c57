"""The end of a process that reads what to do from its standard input."""

from __future__ import annotations

import subprocess
from contextlib import suppress

_PATIENCE_SECONDS = 5.0


def part(process: subprocess.Popen[str]) -> None:
    """Closes its input, on which it ends by itself and ends what it has started; kills it if it does not."""
    assert process.stdin is not None and process.stdout is not None
    with suppress(BrokenPipeError):  # it has ended already
        process.stdin.close()
    try:
        process.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
