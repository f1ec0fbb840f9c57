from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.dialects import postgresql

from sched_cache.store.sql import SqlStore
from tests.contracts.sql_store import SqlStoreContract
from tests.contracts.store import ConcurrentFlagContract, StoreContract, publication


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    store = SqlStore.open(url)
    yield store
    store.close()


@pytest.fixture
def twin(url: str) -> Iterator[SqlStore]:
    store = SqlStore.open(url)
    yield store
    store.close()


class TestSqlStoreOnPostgresql(StoreContract, ConcurrentFlagContract, SqlStoreContract):
    pass


def test_the_tables_may_have_a_schema_of_their_own(url: str) -> None:
    """Apart from the host's tables; the operator makes the schema."""
    engine = create_engine(url, future=True)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA cache"))
    store = SqlStore.open(url, schema="cache")
    store.publish(publication("sales", "1"))
    assert store.read_hot(["sales"])["sales"].data == b"hot 1"
    assert inspect(engine).get_table_names() == []
    assert "sched_cache_dag" in inspect(engine).get_table_names(schema="cache")
    store.close()
    engine.dispose()


def test_the_feed_reads_no_row_that_is_not_new(store: SqlStore) -> None:
    """This holds for any statistics of the table, which may be missing or outdated."""
    store.publish_many([publication(str(number), "1") for number in range(300)])
    counter: int = store.changes_since(0).counter
    for statement, parameters in (
        (store._feed.changes, {"above": counter}),
        (store._feed.fresh, {"above": counter, "n_rows": 21}),
    ):
        with store.transaction() as connection:
            plan = connection.execute(text(explain(statement, parameters))).scalars().all()
        assert any("never executed" in line for line in plan), plan


def explain(statement: Any, parameters: dict[str, int]) -> str:
    compiled = statement.params(**parameters).compile(
        dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}
    )
    return f"EXPLAIN ANALYZE {compiled}"
