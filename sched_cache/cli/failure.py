"""Errors that end a command with an exit code."""

from __future__ import annotations


class InputError(Exception):
    """The input is wrong. Exit code 1.

    source: the name of the file, or another name for the origin of the input.
    """

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason


class UsageError(Exception):
    """The command cannot run with these arguments, or a file cannot be opened. Exit code 2."""
