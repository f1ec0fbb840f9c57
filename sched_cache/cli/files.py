"""Files as arguments: `-` is standard input or output, and files are written atomically."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from sched_cache.cli.failure import UsageError
from sched_cache.cli.table import printable

STANDARD = "-"
_MAX_SHOWN = 200
_MAX_BYTES = 1 << 28
"""The limit of a file; a DAG of a million tasks is smaller."""


def name_of(path: str) -> str:
    """The name of the input in messages."""
    if path == STANDARD:
        return "standard input"
    return path if len(path) <= _MAX_SHOWN else f"{path[: _MAX_SHOWN // 2]}...{path[-_MAX_SHOWN // 2 :]}"


def read_file(path: str) -> bytes:
    """The whole content of the file, or of standard input.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        if path == STANDARD:
            if sys.stdin is None:
                raise UsageError("standard input: is closed")
            return _bounded(path, sys.stdin.buffer)
        with open(path, "rb") as file:
            return _bounded(path, file)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{printable(name_of(path))}: cannot be read: {reason}") from error


def _bounded(path: str, file: BinaryIO) -> bytes:
    data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:  # such as an endless device
        raise UsageError(f"{name_of(path)}: cannot be read: it has more than {_MAX_BYTES:,} bytes")
    return data


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
            os.chmod(temporary, 0o666 & ~_umask())  # the mode that open() would have set; mkstemp sets 0600
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{printable(name_of(path))}: cannot be written: {reason}") from error


def _umask() -> int:
    # The only way to read it is to set it.
    umask = os.umask(0)
    os.umask(umask)
    return umask
