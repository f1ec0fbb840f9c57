"""Database triggers that notice writes outside of the host's Python code: manual SQL, other tools, cascades.

They insert into the table `written`, like the events of a session, and take no lock that two transactions could need.
They do not depend on the type of a column, so the host's migrations can change it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Table, inspect, text
from sqlalchemy.engine import Connection

from sched_cache.config import Config
from sched_cache.errors import StoreUnavailableError
from sched_cache.store.sql import open_engines
from sched_cache.store.sql.failures import mapped_errors
from sched_cache.store.sql.opening import Connect
from sched_cache_airflow.sharing.written_table import written_table
from sched_cache_airflow.triggers.postgresql import PostgresqlTrigger

_HOST_TABLES = frozenset(("dag", "dag_version", "serialized_dag"))

_ROW = "INSERT INTO {written} (dag_version_id) "
# Not for PostgreSQL. Names are qualified, because MySQL runs a trigger with the rights of the account that created it.
_BODIES = {
    "insert": "AFTER INSERT ON {serialized_dag} FOR EACH ROW BEGIN "
    + _ROW
    + "VALUES (NEW.dag_version_id); END",
    "update": "AFTER UPDATE ON {serialized_dag} FOR EACH ROW BEGIN "
    + _ROW
    + "SELECT NEW.dag_version_id FROM (SELECT 1 AS one) AS row_of_one WHERE NEW.dag_hash <> OLD.dag_hash; END",
    "delete": "AFTER DELETE ON {serialized_dag} FOR EACH ROW BEGIN "
    + _ROW
    + "VALUES (OLD.dag_version_id); END",
    # InnoDB runs no trigger for rows that a cascade deletes, so the rows are noted before the deletion.
    "version": "BEFORE DELETE ON {dag_version} FOR EACH ROW BEGIN " + _ROW + "VALUES (OLD.id); END",
    "dag": "BEFORE DELETE ON {dag} FOR EACH ROW BEGIN "
    + _ROW
    + "SELECT v.id FROM {dag_version} v WHERE v.dag_id = OLD.dag_id; END",
}
_INSTALLED = {
    "mysql": "SELECT trigger_name FROM information_schema.triggers"
    " WHERE trigger_schema = coalesce(:schema, database())",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND :schema IS NULL",
}


def install_trigger(
    config: Config, connect: Connect | None = None, host_schema: str | None = None
) -> list[str]:
    """Creates the triggers and the table that they write to; the names of the triggers. May be repeated.

    Args:
        connect: opens the connection in place of the driver; see `open_engines`.
        host_schema: of Airflow's tables; None: the default schema of the connection.

    Raises:
        ConfigError: the URL or its driver cannot be used.
        StoreUnavailableError: the database does not answer, or is no metadata database of Airflow 3.
    """
    table = written_table(config)
    with _transaction(config, connect) as connection:
        if not _HOST_TABLES.issubset(inspect(connection).get_table_names(schema=host_schema)):
            place = "database" if host_schema is None else f"database's schema {host_schema}"
            raise StoreUnavailableError(f"this {place} has no tables of Airflow 3")
        if _dialect(connection) == "postgresql":
            trigger = PostgresqlTrigger(connection, table, host_schema)
            trigger.drop()
            return [trigger.create()]
        _drop(connection, config, host_schema)
        table.create(connection, checkfirst=True)
        _refuse_view(connection, table)
        tables = {name: _qualified(connection, name, host_schema) for name in _HOST_TABLES}
        tables["written"] = _qualified(connection, table.name, table.schema)
        names = {_name(table, suffix): body for suffix, body in _BODIES.items()}
        for name, body in names.items():
            trigger_name = _qualified(connection, name, host_schema)
            _run(connection, f"CREATE TRIGGER {trigger_name} {body.format(**tables)}")
    return list(names)


def remove_trigger(
    config: Config, connect: Connect | None = None, host_schema: str | None = None
) -> list[str]:
    """Drops the triggers; their names. The table stays, because sessions write to it, too.

    Args:
        connect: opens the connection in place of the driver; see `open_engines`.
        host_schema: of Airflow's tables; None: the default schema of the connection.

    Raises:
        ConfigError: the URL or its driver cannot be used.
        StoreUnavailableError: the database does not answer.
    """
    with _transaction(config, connect) as connection:
        if _dialect(connection) == "postgresql":
            return PostgresqlTrigger(connection, written_table(config), host_schema).drop()
        return _drop(connection, config, host_schema)


def installed_triggers(connection: Connection, config: Config, host_schema: str | None = None) -> list[str]:
    """The names of the triggers on Airflow's tables in `host_schema`. One query, or three on PostgreSQL."""
    table = written_table(config)
    if _dialect(connection) == "postgresql":
        functions = PostgresqlTrigger(connection, table, host_schema).functions()
        return sorted({trigger for function in functions for trigger in function.triggers})
    ours = {_name(table, suffix) for suffix in _BODIES}
    present = connection.execute(text(_INSTALLED[_dialect(connection)]), {"schema": host_schema}).scalars()
    return sorted(ours.intersection(present))


def _drop(connection: Connection, config: Config, host_schema: str | None) -> list[str]:
    names = installed_triggers(connection, config, host_schema)
    for name in names:
        _run(connection, f"DROP TRIGGER {_qualified(connection, name, host_schema)}")
    return names


def _run(connection: Connection, statement: str) -> None:
    # Without parameters, because a name may contain a `%`.
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _refuse_view(connection: Connection, table: Table) -> None:
    """Checks for a view in place of the table, which could write to any table with the rights of the trigger."""
    if table.name in inspect(connection).get_view_names(schema=table.schema):
        raise StoreUnavailableError(f"{table.fullname} is a view: drop it, and run this command again")


def _qualified(connection: Connection, name: str, schema: str | None = None) -> str:
    """The quoted name, on MySQL with its database, because there a trigger finds only names of its own database."""
    if schema is None and _dialect(connection) == "mysql":
        schema = connection.exec_driver_sql("SELECT database()").scalar()
    mark = "`" if _dialect(connection) == "mysql" else '"'
    names = [name] if schema is None else [schema, name]
    return ".".join(mark + part.replace(mark, mark * 2) + mark for part in names)


def _name(table: Table, suffix: str) -> str:
    return f"{table.name}_{suffix}"


def _dialect(connection: Connection) -> str:
    name = connection.dialect.name
    return "mysql" if name == "mariadb" else name


@contextmanager
def _transaction(config: Config, connect: Connect | None) -> Iterator[Connection]:
    engines = open_engines(
        config.database_url,
        lock_timeout_seconds=config.database_timeout_seconds,
        connect_timeout_seconds=math.ceil(config.database_timeout_seconds),
        connect=connect,
    )
    try:
        with mapped_errors(), engines.writes.begin() as connection:
            yield connection
    finally:
        engines.dispose()
