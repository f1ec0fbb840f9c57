"""Why a command could not do its work."""

from __future__ import annotations


class InputError(Exception):
    """What the user gave is not what it should be. Exit code 1.

    source: the name of the file, or what else it came from.
    """

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason


class UsageError(Exception):
    """The command cannot be carried out as it was given, or a file cannot be opened. Exit code 2."""
