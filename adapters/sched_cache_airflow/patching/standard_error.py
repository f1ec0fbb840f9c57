"""Messages during imports of the host, which never go to standard output.

A command such as `airflow dags list -o json` prints its result there, and the console handler of some releases writes
there, too. Log files get the record like any other.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator


def say(logger: logging.Logger, level: int, text: str, error: BaseException | None = None) -> None:
    """One line on standard error, and a record for every handler that does not write to the standard streams.

    error: its traceback goes to the log files only.
    """
    if level < logger.getEffectiveLevel():
        return
    line = " ".join(text.split())
    traceback = None if error is None else (type(error), error, error.__traceback__)
    record = logger.makeRecord(logger.name, level, __file__, 0, "%s", (line,), traceback)
    for handler in _handlers(logger):
        if level >= handler.level and not _is_on_terminal(handler):
            handler.handle(record)
    try:
        print(f"{record.levelname} {line}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return  # it is closed, or its reader has ended


def _handlers(logger: logging.Logger | None) -> Iterator[logging.Handler]:
    while logger is not None:
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None


def _is_on_terminal(handler: logging.Handler) -> bool:
    return getattr(handler, "stream", None) in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
