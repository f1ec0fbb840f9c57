"""Weaknesses of an installed trigger, for operators: whose rights a writer could gain, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection, make_url

from sched_cache.config import Config
from sched_cache_airflow.sharing.written_table import written_table
from sched_cache_airflow.triggers.postgresql import PostgresqlTrigger
from sched_cache_airflow.triggers.trigger import installed_triggers

_COMMAND = "sched-cache airflow-trigger"
_DEFINERS = """
SELECT trigger_name, definer, current_user() FROM information_schema.triggers WHERE trigger_schema = database()
"""


@dataclass(frozen=True, slots=True)
class Weakness:
    """One function that lets a role with few rights act as another.

    command: what to run, as it is. url: with which `--database-url`, if that of Airflow has not the rights.
    """

    found: str
    url: str | None
    command: str


def trigger_weaknesses(connection: Connection, config: Config) -> list[Weakness]:
    """Those of the metadata database, which `connection` is to; up to four queries. Ends no transaction."""
    # Where our tables are in another database, there is nothing to install it for any more.
    is_shared = make_url(config.database_url).database == connection.engine.url.database
    command = f"{_COMMAND} {'install' if is_shared else 'remove'}"
    if connection.dialect.name in ("mysql", "mariadb"):
        return _of_other_accounts(connection, config, command)
    if connection.dialect.name != "postgresql":
        return []
    url = connection.engine.url
    weaknesses = []
    for function in PostgresqlTrigger(connection, written_table(config)).functions():
        if not function.weakness:
            continue
        found = (
            f"security error: a role that may write serialized_dag may be able to run code as {function.owner} through "
            f"the function {function.schema}.{function.name}: {function.weakness}"
        )
        other = url.set(drivername="postgresql", username=function.owner, password=None)
        weaknesses.append(
            Weakness(found, None if function.may_replace else other.render_as_string(), command)
        )
    return weaknesses


def _of_other_accounts(connection: Connection, config: Config, command: str) -> list[Weakness]:
    """On MySQL a trigger runs with the rights of the account that created it, and fails once that is gone.

    What a writer could put in its way is a temporary table, which takes the notices of its own session, or, with the
    right to replace our table by a view, a statement of the view with those rights: so they had better be Airflow's.
    """
    ours = set(installed_triggers(connection, config))
    rows = connection.exec_driver_sql(_DEFINERS).all()
    others = sorted({definer for name, definer, own in rows if name in ours and definer != own})
    return [
        Weakness(
            f"security error: the triggers on Airflow's tables run with the rights of {definer}, not of the account "
            "that Airflow itself has, and every write of a DAG fails once that account is dropped",
            None,
            command,
        )
        for definer in others
    ]
