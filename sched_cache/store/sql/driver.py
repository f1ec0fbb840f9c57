"""Time-outs of the drivers, and the error for a URL that a driver cannot use."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from sched_cache.config.database_url import ALLOWED
from sched_cache.config.url import redact_url
from sched_cache.errors import ConfigError

_ALLOWED = ALLOWED + ", its driver installed"


@contextmanager
def understood(database_url: str) -> Iterator[None]:
    """Maps all errors of a URL that cannot be used to ConfigError."""
    try:
        yield
    except (ArgumentError, ImportError, TypeError, ValueError):
        # The cause is cut off: its text and its frames may hold a password.
        raise ConfigError("database_url", redact_url(database_url), _ALLOWED) from None


def patience_of(url: URL, timeout_seconds: float) -> dict[str, Any]:
    """Arguments for the driver, without those that the URL sets itself.

    They make the driver notice that the other end is gone: a lost host, or for MySQL also a hung server. `Calls`
    enforces the deadline of a call independently of them.
    """
    seconds = max(1, math.ceil(timeout_seconds))
    dialect, driver = url.get_backend_name(), url.get_dialect().driver
    if dialect == "sqlite":
        return {"check_same_thread": False, "timeout": timeout_seconds}
    patience: dict[str, Any] = {"connect_timeout": seconds}
    if dialect == "postgresql":
        patience.update(
            keepalives_idle=seconds,
            keepalives_interval=1,
            keepalives_count=seconds,
            tcp_user_timeout=2000 * seconds,
        )
        if driver == "psycopg":
            # A pooler gives the session to other clients, which do not know the statements prepared in it.
            patience["prepare_threshold"] = None
    else:
        patience.update(read_timeout=2 * seconds, write_timeout=2 * seconds)
    return {name: value for name, value in patience.items() if name not in url.query}
