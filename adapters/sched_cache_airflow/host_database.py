"""Transactions of ours in the host's database, for threads of ours."""

from __future__ import annotations

from contextlib import AbstractContextManager

from sqlalchemy.engine import Connection


def host_transaction() -> AbstractContextManager[Connection]:
    """A transaction on a connection of the host's engine, committed when the block ends.

    No session: a process of the host that ends closes every session there is, and one that another thread is just
    committing makes that fail.
    """
    from airflow import settings

    assert settings.engine is not None  # whoever has written something has connected
    transaction: AbstractContextManager[Connection] = settings.engine.begin()
    return transaction
