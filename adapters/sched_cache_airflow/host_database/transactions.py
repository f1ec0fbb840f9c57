"""Transactions of ours in the host's database, for threads of ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection, Engine

from sched_cache.errors import StoreUnavailableError
from sched_cache.store.sql.failures import mapped_errors

_last: tuple[int, Engine] | None = None


def remember_engine() -> None:
    """Has later transactions find the host's engine, even if the host has given it up by then.

    A process of Airflow 2.11 that has parsed a file does so before it ends. The engine can connect again.
    """
    global _last
    from airflow import settings

    if settings.engine is not None:
        _last = os.getpid(), settings.engine


def known_engine() -> Engine | None:
    """The host's engine, or the last one that it had in this process or its parent. Not for the connections in it."""
    remember_engine()
    return None if _last is None else _last[1]


@contextmanager
def host_transaction() -> Iterator[Connection]:
    """A transaction on a connection of the host's engine, committed when the block ends.

    A fork in another thread waits for its end, so the block is short, or calls `fork.gate.let_pass`.

    No session: a process of the host that ends closes every session there is, and one that another thread is just
    committing makes that fail.

    Raises:
        StoreUnavailableError: the host has not connected in this process, or the database refused a statement.
    """
    remember_engine()
    # A parent's connections are not those of its children.
    if _last is None or _last[0] != os.getpid():
        raise StoreUnavailableError("Airflow has not connected to its database")
    with mapped_errors(), _last[1].begin() as connection:
        yield connection


def host_engine() -> Engine:
    """The engine with which Airflow itself connects in this process: its driver, arguments and events.

    Raises:
        StoreUnavailableError: Airflow has none here.
    """
    from airflow import settings

    if settings.engine is None:
        settings.configure_vars()
        settings.configure_orm()
    if settings.engine is None:
        raise StoreUnavailableError("Airflow has not connected to its database")
    engine: Engine = settings.engine
    return engine
