"""Transactions of the plugin's own threads in the host's database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection, Engine

from sched_cache.errors import StoreUnavailableError
from sched_cache.store.sql.failures import mapped_errors

_last: tuple[int, Engine] | None = None


def remember_engine() -> None:
    """Keeps the host's engine for later transactions, even if the host disposes of it before.

    A process of Airflow 2.11 that has parsed a file does that before it ends. The engine can connect again.
    """
    global _last
    from airflow import settings

    if settings.engine is not None:
        _last = os.getpid(), settings.engine


def known_engine() -> Engine | None:
    """The host's engine, or the last one in this process or its parent. Its pooled connections must not be used."""
    remember_engine()
    return None if _last is None else _last[1]


@contextmanager
def host_transaction() -> Iterator[Connection]:
    """A transaction on a connection of the host's engine, committed when the block ends.

    A fork in another thread waits for the end of the block, so the block must be short or call `fork.gate.let_pass`.

    This is no session, because a process of the host closes all sessions when it ends. That would fail if another
    thread is committing one of them.

    Raises:
        StoreUnavailableError: the host has not connected in this process, or the database refused a statement.
    """
    remember_engine()
    # A child must not use the connections of its parent.
    if _last is None or _last[0] != os.getpid():
        raise StoreUnavailableError("Airflow has not connected to its database")
    with mapped_errors(), _last[1].begin() as connection:
        yield connection


def host_engine() -> Engine:
    """The engine with which Airflow itself connects in this process: its driver, arguments and events.

    Raises:
        StoreUnavailableError: Airflow has no engine in this process.
    """
    from airflow import settings

    if settings.engine is None:
        settings.configure_vars()
        settings.configure_orm()
    if settings.engine is None:
        raise StoreUnavailableError("Airflow has not connected to its database")
    engine: Engine = settings.engine
    return engine
