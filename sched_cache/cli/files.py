"""Files as arguments: `-` is standard input or output, and a written file is there whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from sched_cache.cli.failure import UsageError

STANDARD = "-"


def name_of(path: str) -> str:
    """What to call the input in messages."""
    return "standard input" if path == STANDARD else path


def read_file(path: str) -> bytes:
    """All of the file, or of standard input.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if path == STANDARD else Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{name_of(path)}: cannot be read: {error.strerror or error}") from error


def write_file(path: str, data: bytes) -> None:
    """Replaces the file by `data` in one step, or writes to standard output.

    Raises:
        UsageError: it cannot be written, or binary data would go to a terminal.
    """
    if path == STANDARD:
        if sys.stdout.isatty() and not data.isascii():
            raise UsageError("standard output is a terminal, and this is binary: name a file with -o")
        sys.stdout.buffer.write(data)
        return
    target = Path(path)
    try:
        if target.exists() and not target.is_file():  # a pipe or a device cannot be replaced
            target.write_bytes(data)
            return
        descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
            os.chmod(temporary, 0o666 & ~_umask())  # what open() would have given; mkstemp gives 0600
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error


def _umask() -> int:
    # There is no way to ask for it but to set it.
    umask = os.umask(0)
    os.umask(umask)
    return umask
