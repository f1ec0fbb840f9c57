"""Triggers of the database that notice what no Python does: SQL typed by hand, other tools, cascades.

They insert into the table `written`, as a session's events do, and take no lock that two transactions could want.
None depends on the type of a column, so that the host's migrations can change it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Table, inspect
from sqlalchemy.engine import Connection

from sched_cache.config import Config
from sched_cache.errors import StoreUnavailableError
from sched_cache.store.sql import open_engines
from sched_cache.store.sql.failures import mapped_errors
from sched_cache_airflow.written import written_table

_HOST_TABLES = frozenset(("dag", "dag_version", "serialized_dag"))

# On PostgreSQL the function belongs to whoever installs it: others who write need no rights of ours. A table that
# was dropped without the trigger must not keep anybody from writing.
_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION {written}_note() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO {written} (dag_version_id) VALUES (OLD.dag_version_id::text);
    ELSIF TG_OP = 'INSERT' OR NEW.dag_hash IS DISTINCT FROM OLD.dag_hash THEN
        INSERT INTO {written} (dag_version_id) VALUES (NEW.dag_version_id::text);
    END IF;
    RETURN NULL;
EXCEPTION WHEN undefined_table THEN
    RETURN NULL;
END $$
"""
_POSTGRESQL = {
    "": "AFTER INSERT OR UPDATE OR DELETE ON serialized_dag FOR EACH ROW EXECUTE FUNCTION {written}_note()"
}
_ROW = "INSERT INTO {written} (dag_version_id) "
_OTHERS = {
    "insert": "AFTER INSERT ON serialized_dag FOR EACH ROW BEGIN "
    + _ROW
    + "VALUES (NEW.dag_version_id); END",
    "update": "AFTER UPDATE ON serialized_dag FOR EACH ROW BEGIN "
    + _ROW
    + "SELECT NEW.dag_version_id FROM (SELECT 1 AS one) AS row_of_one WHERE NEW.dag_hash <> OLD.dag_hash; END",
    "delete": "AFTER DELETE ON serialized_dag FOR EACH ROW BEGIN "
    + _ROW
    + "VALUES (OLD.dag_version_id); END",
    # InnoDB runs no trigger for what a cascade deletes: what it is going to delete is noted before.
    "version": "BEFORE DELETE ON dag_version FOR EACH ROW BEGIN " + _ROW + "VALUES (OLD.id); END",
    "dag": "BEFORE DELETE ON dag FOR EACH ROW BEGIN "
    + _ROW
    + "SELECT v.id FROM dag_version v WHERE v.dag_id = OLD.dag_id; END",
}
_INSTALLED = {
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    "mysql": "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = database()",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
}


def install_trigger(config: Config) -> list[str]:
    """Creates the triggers, and the table that they write to; the names of the triggers. May be repeated.

    Raises:
        ConfigError: the URL or its driver cannot be used.
        StoreUnavailableError: the database does not answer, or is no metadata database of Airflow 3.
    """
    table = written_table(config)
    with _transaction(config) as connection:
        if not _HOST_TABLES.issubset(inspect(connection).get_table_names()):
            raise StoreUnavailableError("this database has no tables of Airflow 3")
        _drop(connection, config)
        table.create(connection, checkfirst=True)
        bodies = _OTHERS
        if _dialect(connection) == "postgresql":
            bodies = _POSTGRESQL
            connection.exec_driver_sql(_POSTGRESQL_FUNCTION.format(written=table.fullname))
        names = {_name(table, suffix): body for suffix, body in bodies.items()}
        for name, body in names.items():
            connection.exec_driver_sql(f"CREATE TRIGGER {name} {body.format(written=table.fullname)}")
    return list(names)


def remove_trigger(config: Config) -> list[str]:
    """Drops the triggers; the names of those that were there. The table stays: sessions write to it too.

    Raises:
        ConfigError: the URL or its driver cannot be used.
        StoreUnavailableError: the database does not answer.
    """
    with _transaction(config) as connection:
        return _drop(connection, config)


def installed_triggers(connection: Connection, config: Config) -> list[str]:
    """The names of the triggers that are there. One query."""
    table = written_table(config)
    ours = {_name(table, suffix) for suffix in (*_POSTGRESQL, *_OTHERS)}
    present = connection.exec_driver_sql(_INSTALLED[_dialect(connection)]).scalars()
    return sorted(ours.intersection(present))


def _drop(connection: Connection, config: Config) -> list[str]:
    table = written_table(config)
    names = installed_triggers(connection, config)
    is_postgresql = _dialect(connection) == "postgresql"
    for name in names:
        connection.exec_driver_sql(f"DROP TRIGGER {name}" + (" ON serialized_dag" if is_postgresql else ""))
    if is_postgresql:
        connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {table.fullname}_note()")
    return names


def _name(table: Table, suffix: str) -> str:
    return f"{table.name}_{suffix}".rstrip("_")


def _dialect(connection: Connection) -> str:
    name = connection.dialect.name
    return "mysql" if name == "mariadb" else name


@contextmanager
def _transaction(config: Config) -> Iterator[Connection]:
    engines = open_engines(
        config.database_url,
        lock_timeout_seconds=config.database_timeout_seconds,
        connect_timeout_seconds=math.ceil(config.database_timeout_seconds),
    )
    try:
        with mapped_errors(), engines.writes.begin() as connection:
            yield connection
    finally:
        engines.dispose()
