from __future__ import annotations

from collections.abc import Iterator

import pytest

from sched_cache.store.sql import SqlStore
from tests.contracts.sql_store import SqlStoreContract
from tests.contracts.store import ConcurrentFlagContract, StoreContract


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
