"""`doctor` vouches for the tables only after it has tried on each what a process does to it, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, create_mock_engine, text
from sqlalchemy.engine import Engine, make_url

from sched_cache import Config
from sched_cache.cli.database_examination import _untested, examine_database, init_db_command
from sched_cache.cli.examination import Finding
from sched_cache.store.sql import SqlStore, tables

TABLES = [table.name for table in tables("sched_cache_").metadata.sorted_tables]


@pytest.fixture
def superuser(postgres_url: str) -> Iterator[Engine]:
    engine = create_engine(postgres_url)
    yield engine
    engine.dispose()


@pytest.fixture
def config(superuser: Engine) -> Iterator[Config]:
    """The cache as a role sees it that owns nothing."""
    role = f"reader_{uuid4().hex[:12]}"
    execute(superuser, f"CREATE ROLE {role} LOGIN")
    url = superuser.url.set(username=role).render_as_string(hide_password=False)
    yield Config(database_url=url, redis_url=None)
    execute(superuser, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def execute(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def make_tables(superuser: Engine, config: Config) -> None:
    url = superuser.url.render_as_string(hide_password=False)
    store = SqlStore.configured(replace(config, database_url=url))
    store.init_db()
    store.close()


def role_of(config: Config) -> str:
    return str(make_url(config.database_url).username)


def bad(config: Config) -> list[Finding]:
    return [finding for finding in examine_database(config) if not finding.is_well]


def test_all_rights_on_all_tables_is_well(superuser: Engine, config: Config) -> None:
    make_tables(superuser, config)
    execute(
        superuser, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role_of(config)}"
    )
    assert bad(config) == []


@pytest.mark.parametrize("right", ["SELECT", "INSERT", "UPDATE", "DELETE"])
@pytest.mark.parametrize("table", TABLES)
def test_each_right_on_each_table_is_tried(superuser: Engine, config: Config, table: str, right: str) -> None:
    make_tables(superuser, config)
    execute(
        superuser,
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role_of(config)}",
        f"REVOKE {right} ON {table} FROM {role_of(config)}",
    )
    (finding,) = bad(config)
    assert table in finding.found
    assert right in finding.found


def test_no_tables_yet_is_no_trouble_where_they_can_be_made(superuser: Engine, config: Config) -> None:
    """Before the first start. Nothing is created by looking."""
    execute(superuser, f"GRANT CREATE ON SCHEMA public TO {role_of(config)}")
    (finding,) = examine_database(config)
    assert finding.is_well
    assert finding.is_off
    assert "no tables yet" in finding.found
    with superuser.connect() as connection:
        assert (
            connection.execute(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")).scalar()
            == 0
        )


def test_no_tables_and_no_way_to_make_them(config: Config) -> None:
    """Not allowed to the user, or not wanted: either is said, with what to run."""
    (finding,) = bad(config)
    assert "may not create any" in finding.found
    (finding,) = bad(replace(config, create_tables=False))
    assert "create_tables is false" in finding.found
    assert finding.advice == f"run `{init_db_command(config)}`"


@pytest.mark.parametrize("table", TABLES)
def test_each_missing_table_is_found(superuser: Engine, config: Config, table: str) -> None:
    make_tables(superuser, config)
    execute(superuser, f"DROP TABLE {table}")
    (finding,) = bad(config)
    assert table in finding.found


def test_the_command_that_makes_the_tables() -> None:
    """Of this cache and no other; as it is typed, but for what is never shown of a URL."""
    config = Config(
        database_url="postgresql://u:secret@h/x?a=b&c=d",
        table_prefix="other_",
        database_schema="s",
        redis_url=None,
    )
    assert init_db_command(config) == (
        "SCHED_CACHE__TABLE_PREFIX=other_ SCHED_CACHE__DATABASE_SCHEMA=s "
        "sched-cache init-db --database-url 'postgresql://***@h/x?***'"
    )


def test_a_mysql_server_is_said_to_be_untested() -> None:
    """A note, not a failure; MariaDB speaks through the same dialect and has none."""
    dialect = create_mock_engine("mysql+pymysql://", print).dialect
    dialect.server_version_info = (8, 0, 36)
    (note,) = _untested(dialect)
    assert note.is_well and "MySQL 8.0.36" in note.found
    dialect.is_mariadb = True  # type: ignore[attr-defined]  # of its dialect alone
    assert list(_untested(dialect)) == []
