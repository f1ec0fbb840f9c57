"""Reads the command line, runs one command, and turns what went wrong into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sched_cache.cli.commands import all_commands
from sched_cache.cli.failure import InputError, UsageError
from sched_cache.errors import ConfigError, SchedCacheError

_EXIT_CODES = """exit codes:
  0  done
  1  the data is bad: not JSON, not a DAG, damaged, or made by a newer version
  2  the command cannot be carried out: unknown option, or a file that cannot be read or written
"""
_BAD_DATA, _USAGE, _INTERRUPTED, _BROKEN_PIPE = 1, 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `sched-cache` with `argv` (by default the process's own) and returns its exit code."""
    parser = _parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as ended:  # argparse has said why: --help, --version or a usage error
        return ended.code if isinstance(ended.code, int) else _USAGE
    if arguments.command is None:
        parser.print_help(sys.stderr)
        return _USAGE
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()  # here, where a closed pipe can still be caught
        return code
    except (InputError, SchedCacheError) as error:
        return _fail(arguments.command, error, _USAGE if isinstance(error, ConfigError) else _BAD_DATA)
    except UsageError as error:
        return _fail(arguments.command, error, _USAGE)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough. Nothing may be written any more, at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        return _INTERRUPTED


def _fail(command: str, error: Exception, code: int) -> int:
    print(f"sched-cache {command}: {error}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sched-cache",
        description="Slim, always fresh copies of Airflow DAGs for schedulers.",
        epilog="`sched-cache COMMAND --help` has examples.\n\n" + _EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, command in all_commands().items():
        description = (command.__doc__ or "").strip()
        subparser = subparsers.add_parser(
            name,
            help=description.splitlines()[0].rstrip("."),
            description=description,
            epilog=f"examples:\n{command.EXAMPLES.rstrip()}\n\n{_EXIT_CODES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        try:
            print(f"sched-cache {version('sched-cache')}")
        except PackageNotFoundError:
            print("sched-cache, not installed")
        parser.exit(0)
