"""Reads the command line, runs one command, and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sched_cache.cli.commands import all_commands
from sched_cache.cli.failure import InputError, UsageError
from sched_cache.errors import ConfigError, SchedCacheError

_EXIT_CODES = """exit codes:
    0  done
    1  the data is bad (not JSON, not a DAG, damaged, made by a newer version), the database does not answer,
       or there is not enough memory
    2  the command cannot run: an unknown or wrong option, or a file that cannot be read or written
  130  interrupted
  141  the reader of the output has closed it
"""
_BAD_DATA, _USAGE, _INTERRUPTED, _BROKEN_PIPE = 1, 2, 130, 141
_DRIVERS = frozenset(("sqlalchemy", "sqlite3", "psycopg2", "psycopg", "pymysql", "MySQLdb", "redis"))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `sched-cache` with `argv` (by default the process's own) and returns its exit code."""
    if sys.stderr is None:  # a closed one; what is printed to None goes to standard output
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # as long as the process
    if sys.stdout is None:
        return _fail("", "standard output is closed", _USAGE)
    command = ""
    try:
        arguments = _parser().parse_args(argv)
        if arguments.command is None:
            _parser().print_help(sys.stderr)
            return _USAGE
        command = arguments.command
        with _unlogged():
            code: int = arguments.run(arguments)
        sys.stdout.flush()  # here, where a closed pipe can still be caught
        return code
    except SystemExit as ended:  # argparse has said why: --help, --version or a usage error
        return _ended(ended)
    except (InputError, SchedCacheError) as error:
        return _fail(command, error, _USAGE if isinstance(error, ConfigError) else _BAD_DATA)
    except UsageError as error:
        return _fail(command, error, _USAGE)
    except BrokenPipeError:
        # The reader of the output, such as `head`, has closed it. Nothing may be written from here on, at exit either.
        _give_up_output()
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        return _fail(command, "interrupted", _INTERRUPTED)
    except MemoryError:
        return _fail(command, "there is not enough memory for this", _BAD_DATA)
    except OSError as error:
        _give_up_output()  # it may be the output that cannot be written, as on a full disk
        where = f"{error.filename}: " if error.filename else ""
        return _fail(command, f"{where}{error.strerror or error}", _USAGE)
    except Exception as error:
        if not _is_of_a_driver(error):
            raise  # a bug
        return _fail(command, _in_words(error), _BAD_DATA)


@contextmanager
def _unlogged() -> Iterator[None]:
    """A command reports problems itself. A host that it imports may log to standard output, among the JSON."""
    logger = logging.getLogger("sched_cache")
    propagates, logger.propagate = logger.propagate, False
    nowhere = logging.NullHandler()
    logger.addHandler(nowhere)
    try:
        yield
    finally:
        logger.removeHandler(nowhere)
        logger.propagate = propagates


def _ended(ended: SystemExit) -> int:
    try:
        sys.stdout.flush()
    except OSError as error:
        _give_up_output()
        return _BROKEN_PIPE if isinstance(error, BrokenPipeError) else _USAGE
    return ended.code if isinstance(ended.code, int) else _USAGE


def _give_up_output() -> None:
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_of_a_driver(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in _DRIVERS


def _in_words(error: Exception) -> str:
    """The error in one line, without the statement and its parameters."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}: {' '.join(str(cause).split())}"


def _fail(command: str, error: object, code: int) -> int:
    text = f"{f'sched-cache {command}'.rstrip()}: {error}"
    with suppress(OSError, ValueError):
        print(" ".join(text.split()), file=sys.stderr, flush=True)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
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
            epilog=f"examples:\n{command.EXAMPLES.rstrip()}\n\n{getattr(command, 'EXIT_CODES', _EXIT_CODES)}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser that does not hide that its help could not be written."""

    def _print_message(self, message: str, file: Any = None) -> None:
        if message:
            (file or sys.stderr).write(message)


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        try:
            print(f"sched-cache {version('sched-cache')}")
        except PackageNotFoundError:
            print("sched-cache, not installed")
        parser.exit(0)
