"""The database of the plugin's tables, which stays when the metadata database is restored."""

from __future__ import annotations

from .metadata_db import PostgresDatabases


def prepare_tables(url: str) -> None:
    """Makes the database that this URL names, if it is not there, and removes the claim of an Airflow from it.

    The claim names a job of a metadata database that has been restored since. A process that begins would take the
    tables for those of another Airflow, and stay off for five minutes.
    """
    from sqlalchemy import create_engine, inspect, text

    server, _, name = url.rpartition("/")
    if not server.startswith("sqlite:") and not PostgresDatabases(server).exists(name):
        PostgresDatabases(server).create(name)
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            if inspect(connection).has_table("sched_cache_process"):
                connection.execute(text("DELETE FROM sched_cache_process WHERE key = 'claim of an Airflow'"))
    finally:
        engine.dispose()


def refuse_hold() -> None:
    """Raises RuntimeError if the plugin of this process was off for a while: it was the host that was measured."""
    try:
        from sched_cache_airflow.settings.hold import hold
    except ImportError:
        return  # an older commit, beside which this one is measured
    if hold.reason:
        raise RuntimeError(f"the plugin was off: {hold.reason}")
