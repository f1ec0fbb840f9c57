"""Starts processes that end with their starter, even if it crashes.

A leash is a small process between the two. It shares its standard input, a pipe, with the command that it runs. When
no process can write to the pipe any more, because it was closed or its owner has died, the leash ends the command, and
then the whole process group of the command. A leash has a process group of its own, so a leash that the command has
started for another command survives this, and ends its own command.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

_PATIENCE_SECONDS = 5.0
_ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def start_on_leash(
    command: Sequence[str],
    *,
    ending_signal: int = 0,
    patience_seconds: float = _PATIENCE_SECONDS,
    removes: str = "",
    **options: Any,
) -> subprocess.Popen[str]:
    """Starts the command; `options` are those of `Popen`. Its process id and status are those of the leash.

    ending_signal: the signal that ends the command; 0: the end of its input suffices.
    patience_seconds: the remaining processes are killed after this time.
    removes: a folder that is removed after its end.
    """
    # Isolated and without site-packages, so that it starts in a hundredth of a second.
    leash = [sys.executable, "-I", "-S", __file__, str(int(ending_signal)), str(patience_seconds), removes]
    return subprocess.Popen(
        [*leash, *command], stdin=subprocess.PIPE, text=True, start_new_session=True, **options
    )


@contextmanager
def short_lived_folder(prefix: str) -> Iterator[str]:
    """A temporary folder that is removed at the end of the block, or of this process."""
    folder = tempfile.mkdtemp(prefix=prefix)
    broom = start_on_leash(["cat"], removes=folder, stdout=subprocess.DEVNULL)
    try:
        yield folder
    finally:
        let_go(broom)


def let_go(process: subprocess.Popen[str]) -> None:
    """Closes the input of the leash, which then ends; returns when all its processes have ended."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # the process has ended already
        process.stdin.close()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def main(ending_signal: int, patience_seconds: float, removes: str, command: list[str]) -> int:
    """Runs the command on a leash. The status is that of the command, as a shell tells it."""
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    for number in (signal.SIGCHLD, *_ENDINGS):
        signal.signal(number, lambda *_: None)
    process = subprocess.Popen(command, start_new_session=True)
    if _has_to_be_ended(process, woken):
        if ending_signal:
            with suppress(ProcessLookupError):
                os.kill(process.pid, ending_signal)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_seconds)
    with suppress(ProcessLookupError):  # the process group has ended
        os.killpg(process.pid, signal.SIGKILL)
    status = process.wait()
    if removes:
        shutil.rmtree(removes, ignore_errors=True)
    return status if status >= 0 else 128 - status


def _has_to_be_ended(process: subprocess.Popen[bytes], woken: int) -> bool:
    """Waits for the end of the input; False if the command has ended by itself."""
    events = select.poll()
    events.register(0, 0)  # the command reads this input, but both see its end
    events.register(woken, select.POLLIN)
    while process.poll() is None:
        for descriptor, _ in events.poll():
            if descriptor == 0 or set(os.read(woken, 100)) & set(_ENDINGS):
                return True
    return False


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4:]))
