"""Weaknesses of an installed trigger, for operators: the rights that a writer could gain, and the remedy."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.engine import Connection, make_url

from sched_cache.config import Config
from sched_cache_airflow.sharing.written_table import written_table
from sched_cache_airflow.triggers.postgresql import PostgresqlTrigger
from sched_cache_airflow.triggers.trigger import installed_triggers

_COMMAND = "sched-cache airflow-trigger"
_DEFINERS = """
SELECT trigger_name, definer, current_user() FROM information_schema.triggers
WHERE trigger_schema = coalesce(:schema, database())
"""


@dataclass(frozen=True, slots=True)
class Weakness:
    """One function that lets a role with few rights act as another.

    command: the remedy, ready to run. url: its `--database-url`, if the rights of Airflow's own do not suffice.
    """

    found: str
    url: str | None
    command: str


def trigger_weaknesses(
    connection: Connection, config: Config, host_schema: str | None = None
) -> list[Weakness]:
    """The weaknesses in the metadata database of `connection`. Up to four queries. Ends no transaction.

    Args:
        host_schema: of Airflow's tables; None: the default schema of the connection.
    """
    # If our tables are in another database, the trigger has no use any more.
    is_shared = make_url(config.database_url).database == connection.engine.url.database
    command = f"{_COMMAND} {'install' if is_shared else 'remove'}"
    if connection.dialect.name in ("mysql", "mariadb"):
        return _of_other_accounts(connection, config, command, host_schema)
    if connection.dialect.name != "postgresql":
        return []
    url = connection.engine.url
    weaknesses = []
    for function in PostgresqlTrigger(connection, written_table(config), host_schema).functions():
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


def _of_other_accounts(
    connection: Connection, config: Config, command: str, host_schema: str | None
) -> list[Weakness]:
    """On MySQL, a trigger runs with the rights of the account that created it, and fails after that was dropped.

    A writer could create a temporary table, which would take the notices of its own session. With the right to replace
    our table by a view, it could run a statement with the rights of the trigger, so these should be Airflow's own.
    """
    ours = set(installed_triggers(connection, config, host_schema))
    rows = connection.execute(text(_DEFINERS), {"schema": host_schema}).all()
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
