"""The commands of `sched-cache`: every module here is one, under its own name with dashes for underscores.

So is what others offer under the entry point group `sched_cache.commands`.

A module has a docstring, of which the first line goes into the list of commands, and the names of `Command`.
Drivers and whatever else is slow to import are imported in `run`, because `--help` imports every module.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import Protocol, cast


class Command(Protocol):
    """What a module in this package has to have."""

    EXAMPLES: str
    """Shown at the end of `sched-cache COMMAND --help`."""

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Adds what the command takes."""
        ...

    @staticmethod
    def run(arguments: argparse.Namespace) -> int:
        """Does it, and returns the exit code.

        Raises:
            InputError, UsageError, SchedCacheError: see `entry`.
        """
        ...


def all_commands() -> dict[str, Command]:
    """name -> command, by name."""
    names = sorted(module.name for module in iter_modules(__path__))
    commands = {name.replace("_", "-"): cast(Command, import_module(f"{__name__}.{name}")) for name in names}
    commands.update({found.name: found.load() for found in entry_points(group="sched_cache.commands")})
    return dict(sorted(commands.items()))
