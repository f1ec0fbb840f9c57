"""What is wrong with a trigger that is installed, for people: in whose name others could run code, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from sched_cache.config import Config
from sched_cache_airflow.postgresql_trigger import PostgresqlTrigger
from sched_cache_airflow.written import written_table

COMMAND = "sched-cache airflow-trigger install"


@dataclass(frozen=True, slots=True)
class Weakness:
    """One function that lets a role with few rights act as another.

    command: what to run, as it is. url: with which `--database-url`, if that of Airflow has not the rights.
    """

    found: str
    url: str | None
    command: str = COMMAND


def trigger_weaknesses(connection: Connection, config: Config) -> list[Weakness]:
    """Those of the metadata database, which `connection` is to; up to four queries. Ends no transaction."""
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
        weaknesses.append(Weakness(found, None if function.may_replace else other.render_as_string()))
    return weaknesses
