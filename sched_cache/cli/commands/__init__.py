"""The commands of `sched-cache`: every module here is one, under its own name with dashes for underscores.

Other packages add commands with the entry point group `sched_cache.commands`.

A module has a docstring, whose first line is shown in the list of commands, and the attributes of `Command`.
Drivers and other slow imports belong into `run`, because `--help` imports every module.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import Protocol, cast


class Command(Protocol):
    """The attributes that a module in this package must have."""

    EXAMPLES: str
    """Shown at the end of `sched-cache COMMAND --help`."""

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Adds the arguments of the command."""
        ...

    @staticmethod
    def run(arguments: argparse.Namespace) -> int:
        """Runs the command and returns its exit code.

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
