"""The database notices what no Python does, on every database that it can be installed in.

The host's three tables stand in for it, with the keys that cascade: MariaDB is none of the host's databases, but runs
the triggers that MySQL gets.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import create_engine, event, inspect, text
from sqlalchemy.engine import Engine

from sched_cache.config import Config
from sched_cache.errors import StoreUnavailableError
from sched_cache_airflow.sharing.written_table import written_table
from sched_cache_airflow.triggers import command as trigger_command
from sched_cache_airflow.triggers.security import trigger_weaknesses
from sched_cache_airflow.triggers.trigger import install_trigger, installed_triggers, remove_trigger

ONE, TWO = UUID(int=1), UUID(int=2)


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'airflow.db'}"
    name = {"postgresql": "postgres_url", "mariadb": "mariadb_url"}[request.param]
    return str(request.getfixturevalue(name))


@pytest.fixture
def config(url: str) -> Config:
    return Config(database_url=url, redis_url=None)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """Two DAGs with a version each."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def cascade(connection: object, record: object) -> None:
            connection.execute("PRAGMA foreign_keys = ON")  # type: ignore[attr-defined]

    uuid = "UUID" if engine.dialect.name == "postgresql" else "CHAR(32)"
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE dag (dag_id VARCHAR(250) PRIMARY KEY)",
            f"CREATE TABLE dag_version (id {uuid} PRIMARY KEY, dag_id VARCHAR(250) NOT NULL, "
            "FOREIGN KEY (dag_id) REFERENCES dag (dag_id) ON DELETE CASCADE)",
            f"CREATE TABLE serialized_dag (id {uuid} PRIMARY KEY, dag_version_id {uuid} NOT NULL UNIQUE, "
            "dag_hash VARCHAR(32) NOT NULL, fileloc VARCHAR(99), "
            "FOREIGN KEY (dag_version_id) REFERENCES dag_version (id) ON DELETE CASCADE)",
            "INSERT INTO dag VALUES ('one'), ('two')",
            f"INSERT INTO dag_version VALUES ('{ONE.hex}', 'one'), ('{TWO.hex}', 'two')",
            *(f"INSERT INTO serialized_dag VALUES ('{id.hex}', '{id.hex}', 'old', 'f')" for id in (ONE, TWO)),
        ):
            connection.execute(text(statement))
    yield engine
    engine.dispose()


def execute(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def noted(engine: Engine, config: Config) -> set[UUID]:
    """The versions in the table, which is empty afterwards."""
    table = written_table(config)
    with engine.begin() as connection:
        found = {UUID(text) for text in connection.execute(table.select()).scalars("dag_version_id")}
        connection.execute(table.delete())
    return found


def test_every_change_of_content_is_noted(engine: Engine, config: Config) -> None:
    """Inserted, changed and deleted rows; not those whose content stays as it is."""
    assert install_trigger(config)
    execute(engine, f"UPDATE serialized_dag SET dag_hash = 'new' WHERE dag_version_id = '{ONE.hex}'")
    assert noted(engine, config) == {ONE}
    execute(engine, "UPDATE serialized_dag SET fileloc = 'elsewhere'")
    assert noted(engine, config) == set()
    execute(engine, f"DELETE FROM serialized_dag WHERE dag_version_id = '{TWO.hex}'")
    assert noted(engine, config) == {TWO}
    execute(engine, f"INSERT INTO serialized_dag VALUES ('{TWO.hex}', '{TWO.hex}', 'again', 'f')")
    assert noted(engine, config) == {TWO}


@pytest.mark.parametrize(
    "statement", ["DELETE FROM dag WHERE dag_id = 'one'", f"DELETE FROM dag_version WHERE id = '{ONE.hex}'"]
)
def test_what_a_cascade_deletes_is_noted(engine: Engine, config: Config, statement: str) -> None:
    """Whichever table the deletion began in."""
    install_trigger(config)
    execute(engine, statement)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM serialized_dag")).scalar_one() == 1
    assert noted(engine, config) == {ONE}


def test_what_is_rolled_back_is_not_noted(engine: Engine, config: Config) -> None:
    """The row is part of the writer's transaction."""
    install_trigger(config)
    with engine.connect() as connection, connection.begin() as transaction:
        connection.execute(text("UPDATE serialized_dag SET dag_hash = 'new'"))
        transaction.rollback()
    assert noted(engine, config) == set()


def test_removing_leaves_a_host_that_works(engine: Engine, config: Config) -> None:
    """Twice installed is once installed; twice removed is removed."""
    names = install_trigger(config)
    assert install_trigger(config) == names
    assert sorted(remove_trigger(config)) == sorted(names)
    assert remove_trigger(config) == []
    with engine.begin() as connection:
        assert installed_triggers(connection, config) == []
    execute(engine, "UPDATE serialized_dag SET dag_hash = 'new'")
    assert noted(engine, config) == set()


def test_tables_in_a_schema_of_their_own(engine: Engine, config: Config) -> None:
    """`[database] sql_alchemy_schema` names it; tables in the default schema have no trigger then."""
    if engine.dialect.name == "sqlite":
        pytest.skip("it has no schemas")
    schema = f"elsewhere_{uuid4().hex[:12]}"
    execute(engine, f"CREATE SCHEMA {schema}")
    for table in ("dag", "dag_version", "serialized_dag"):
        execute(engine, f"CREATE TABLE {schema}.{table} AS SELECT * FROM {table}")
    theirs = replace(config, database_schema=schema)
    try:
        names = install_trigger(theirs, host_schema=schema)
        assert install_trigger(theirs, host_schema=schema) == names
        with engine.begin() as connection:
            assert installed_triggers(connection, theirs, schema) == sorted(names)
            assert installed_triggers(connection, config) == []
            assert trigger_weaknesses(connection, theirs, schema) == []
        execute(
            engine, f"UPDATE {schema}.serialized_dag SET dag_hash = 'new' WHERE dag_version_id = '{ONE.hex}'"
        )
        assert noted(engine, theirs) == {ONE}
        assert sorted(remove_trigger(theirs, host_schema=schema)) == sorted(names)
        execute(engine, f"UPDATE {schema}.serialized_dag SET dag_hash = 'newer'")
        assert noted(engine, theirs) == set()
        with pytest.raises(StoreUnavailableError, match="nowhere"):
            install_trigger(theirs, host_schema="nowhere")
    finally:
        cascade = " CASCADE" if engine.dialect.name == "postgresql" else ""
        execute(engine, f"DROP SCHEMA {schema}{cascade}")


def test_a_dropped_table_keeps_nobody_from_writing(engine: Engine, config: Config) -> None:
    """On PostgreSQL; the others have no way to say so, and there `remove` comes first."""
    if engine.dialect.name != "postgresql":
        pytest.skip("a trigger cannot do without its table here")
    install_trigger(config)
    execute(engine, f"DROP TABLE {written_table(config).fullname}")
    execute(engine, "UPDATE serialized_dag SET dag_hash = 'new'")
    with engine.begin() as connection:
        assert (
            connection.execute(
                text("SELECT count(*) FROM serialized_dag WHERE dag_hash = 'new'")
            ).scalar_one()
            == 2
        )


def test_a_database_of_something_else_stays_as_it_is(url: str, config: Config) -> None:
    """Nothing is created beside tables that are not Airflow's."""
    with pytest.raises(StoreUnavailableError, match="no tables of Airflow 3"):
        install_trigger(config)
    engine = create_engine(url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_the_command_installs_and_removes(
    engine: Engine, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names what it did, and where."""
    parser = argparse.ArgumentParser()
    trigger_command.add_arguments(parser)
    options = ["--database-url", config.database_url]
    assert trigger_command.run(parser.parse_args(["install", *options])) == 0
    with engine.begin() as connection:
        names = installed_triggers(connection, config)
    assert names
    assert all(name in capsys.readouterr().out for name in names[:1])
    assert trigger_command.run(parser.parse_args(["remove", *options])) == 0
    with engine.begin() as connection:
        assert installed_triggers(connection, config) == []


def test_on_mysql_the_triggers_are_to_have_the_rights_of_airflow(engine: Engine, config: Config) -> None:
    """They run with those of the account that created them; installing them again with Airflow's own mends that."""
    if engine.dialect.name not in ("mysql", "mariadb"):
        pytest.skip("elsewhere the rights of a trigger are others")
    account = f"airflow_{uuid4().hex[:12]}"
    execute(engine, f"CREATE USER {account}")
    execute(engine, f"GRANT ALL ON {engine.url.database}.* TO {account}")
    url = engine.url.set(username=account)
    own = replace(config, database_url=url.render_as_string(hide_password=False))
    as_airflow = create_engine(url)
    try:
        for installed_by, expected in ((config, 1), (own, 0)):
            install_trigger(installed_by)
            with as_airflow.begin() as connection:
                weaknesses = trigger_weaknesses(connection, own)
            assert [weakness.found.count("root@") for weakness in weaknesses] == [1] * expected
    finally:
        as_airflow.dispose()
        remove_trigger(config)
        execute(engine, f"DROP USER {account}")


def test_a_view_in_place_of_the_table_is_refused(engine: Engine, config: Config) -> None:
    """It would have the trigger write to a table of its own choice."""
    if engine.dialect.name == "postgresql":
        pytest.skip("there it is refused for another reason: see test_trigger_rights")
    execute(engine, "CREATE VIEW sched_cache_written AS SELECT dag_id AS dag_version_id FROM dag")
    with pytest.raises(StoreUnavailableError, match="is a view"):
        install_trigger(config)
