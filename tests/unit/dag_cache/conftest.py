"""A cluster of `DagCache`s over one store, and one on a database of its own."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine

from sched_cache import Config, DagCache
from sched_cache.format import CompactDag, encode_dag
from sched_cache.store import Content, Publication
from tests.support.clock import ManualClock
from tests.support.format.documents import document
from tests.support.tiers import RecordingL2, WatchedStore

PATIENCE_SECONDS = 20.0
MAX_STALENESS_SECONDS = 1.0


def sales(edition: int = 1, **fields: Any) -> dict[str, Any]:
    """A DAG; `max_active_runs`, which is hot, tells its edition, and `doc_md`, which is cold, too."""
    given = {"dag_id": "sales", "max_active_runs": edition, "doc_md": f"# Edition {edition}"}
    return document(["extract", "load"], **(given | fields))


def edition_of(dag: CompactDag | None) -> int | None:
    return None if dag is None else dag.field("max_active_runs")


def exit_status_of_child(body: Callable[[], bool]) -> int:
    """0 if `body` is true in a forked child."""
    with warnings.catch_warnings():
        # That there are threads is the point.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if body() else 1)
        except BaseException:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def tell(l2: RecordingL2, cache: DagCache) -> None:
    """Has the last message arrive everywhere."""
    for hear in l2.hear:
        hear()


class Gathering:
    """Holds the first load up until so many wait for it."""

    def __init__(self, n_waiting: int) -> None:
        self._missing = n_waiting
        self._lock = threading.Lock()  # guards: _missing
        self._complete = threading.Event()

    def signal(self) -> threading.Event:
        """The signal that `DagCache` creates for each flight."""
        gathering = self

        class Signal(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                gathering._arrive()
                return super().wait(timeout)

        return Signal()

    def blocks(self, store: WatchedStore) -> threading.Event:
        """Holds up the reads of `store`; what is set when there is one."""
        reading = threading.Event()

        def wait() -> None:
            reading.set()
            assert self._complete.wait(PATIENCE_SECONDS)

        store.after_read_hot = wait
        return reading

    def _arrive(self) -> None:
        with self._lock:
            self._missing -= 1
            if self._missing == 0:
                self._complete.set()


def publication_of(key: str, edition: int) -> Publication:
    encoded = encode_dag(sales(edition, dag_id=key))
    return Publication(key, Content(encoded.hot, encoded.cold), encoded.content_hash)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store() -> WatchedStore:
    return WatchedStore()


@pytest.fixture
def l2() -> RecordingL2:
    return RecordingL2()


@pytest.fixture
def new_cache(store: WatchedStore, l2: RecordingL2, clock: ManualClock) -> Callable[..., DagCache]:
    """Makes what another process of the same cluster has."""

    def start(**options: Any) -> DagCache:
        config = Config(max_staleness_seconds=MAX_STALENESS_SECONDS, **options)
        return DagCache(config, store, l2, clock=clock)

    return start


@pytest.fixture
def cache(new_cache: Callable[..., DagCache]) -> DagCache:
    """A scheduler's."""
    return new_cache()


@pytest.fixture
def processor(new_cache: Callable[..., DagCache]) -> DagCache:
    return new_cache()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """SQLite, and a Redis that no other test has."""
    return Config(database_url=f"sqlite:///{tmp_path / 'dags.db'}", redis_url=f"fake://{tmp_path.name}")


@pytest.fixture
def host(config: Config) -> Iterator[Engine]:
    """The host's own connections to the database that the cache is in, and a table of its own."""
    with DagCache.open(config) as cache:
        cache.store.init_db()
    engine = create_engine(config.database_url, future=True)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE effect (what VARCHAR(10))"))
    yield engine
    engine.dispose()
