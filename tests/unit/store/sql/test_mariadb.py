from __future__ import annotations

from collections.abc import Iterator

import pytest

from sched_cache.store.sql import SqlStore
from tests.contracts.sql_store import SqlStoreContract
from tests.contracts.store import ConcurrentFlagContract, StoreContract
from tests.support.servers import MariadbServer


@pytest.fixture
def url(mariadb_server: MariadbServer, mariadb_url: str) -> str:
    # The default ends at 16 MB.
    mariadb_server.execute("SET GLOBAL max_allowed_packet = 64 * 1024 * 1024")
    return mariadb_url


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


class TestSqlStoreOnMariadb(StoreContract, ConcurrentFlagContract, SqlStoreContract):
    pass
