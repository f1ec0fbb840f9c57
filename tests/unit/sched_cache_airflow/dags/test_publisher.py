"""Contents that a process has encoded never replace what was published after it had read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sched_cache import Config, DagCache
from sched_cache.format import CompactDag, EncodedDag, encode_dag
from sched_cache.stats import Stats
from sched_cache_airflow.dags import resident_dags as contents_module
from sched_cache_airflow.dags.publisher import Publisher
from sched_cache_airflow.dags.resident_dags import ResidentDags
from sched_cache_airflow.patching.fallback import Fallbacks
from sched_cache_airflow.settings.settings import Settings
from sched_cache_airflow.sharing import removed_versions
from sched_cache_airflow.sharing.removed_versions import RemovedVersions
from tests.support.format.documents import document

PATIENCE_SECONDS = 20.0


def edition(number: int) -> EncodedDag:
    return encode_dag(_document(number))


def _document(number: int) -> dict[str, Any]:
    return document(["extract"], dag_id="sales", max_active_runs=number)


@pytest.fixture
def new_cache(tmp_path: Path) -> Iterator[Callable[[], DagCache]]:
    made = []

    def start() -> DagCache:
        made.append(DagCache.open(Config(database_url=f"sqlite:///{tmp_path / 'dags.db'}", redis_url=None)))
        return made[-1]

    yield start
    for cache in made:
        cache.close()


def held(cache: DagCache) -> Any:
    """The edition that the shared tables hold."""
    cache.certify()
    dag = cache.get("sales")
    return dag and dag.field("max_active_runs")


def test_content_of_unknown_age_is_published_only_where_there_is_none(
    new_cache: Callable[[], DagCache],
) -> None:
    """The process was paused between reading it and submitting it."""
    paused, other = new_cache(), new_cache()
    publisher = Publisher(paused)
    publisher.submit("sales", edition(1))
    assert publisher.drain(PATIENCE_SECONDS) and held(other) == 1
    other.publish("sales", edition(3))
    publisher.submit("sales", edition(2))
    assert publisher.drain(PATIENCE_SECONDS)
    assert held(other) == 3
    assert (publisher.n_published, publisher.n_dropped) == (1, 0)


def test_a_token_from_before_the_content_was_read_publishes_it(new_cache: Callable[[], DagCache]) -> None:
    """Unless another process has published since."""
    cache, other = new_cache(), new_cache()
    publisher = Publisher(cache)
    first = other.publish("sales", edition(1))
    publisher.submit("sales", edition(2), first.parsed_seq)
    assert publisher.drain(PATIENCE_SECONDS) and held(other) == 2
    publisher.submit("sales", edition(1), first.parsed_seq)
    assert publisher.drain(PATIENCE_SECONDS) and held(other) == 2


def test_content_that_the_host_has_no_more_is_not_published(new_cache: Callable[[], DagCache]) -> None:
    """It may be from a snapshot that is older than the token."""
    cache = new_cache()
    publisher = Publisher(cache)
    newest = cache.publish("sales", edition(2))
    publisher.submit("sales", edition(1), newest.parsed_seq, lambda: False)
    assert publisher.drain(PATIENCE_SECONDS) and held(cache) == 2


class Host:
    """A host with one row, `number`. meanwhile: called between the read of the row and its return."""

    fields: Any = None

    def __init__(self) -> None:
        self.number = 1
        self.meanwhile: Callable[[], None] = lambda: None

    def read(self, version_id: Any, reader: Any) -> tuple[dict[str, Any], str]:
        found = _document(self.number), f"hash {self.number}"
        self.meanwhile()
        return found

    def hash_of(self, version_id: Any, reader: Any) -> str:
        return f"hash {self.number}"

    def present(self, version_ids: Any, reader: Any) -> set[Any]:
        self.meanwhile()
        return set()

    def dag_of(self, compact: CompactDag, *, load_op_links: bool) -> None:
        return None

    def key_of(self, version_id: Any) -> str:
        return str(version_id)

    version_of = noted = key_of

    def is_left_over(self, key: str) -> bool:
        return False


@contextmanager
def _no_transaction() -> Iterator[None]:
    yield None


@pytest.mark.parametrize("is_host_rewritten", [False, True])
def test_a_reader_that_was_overtaken_publishes_nothing(
    new_cache: Callable[[], DagCache], monkeypatch: pytest.MonkeyPatch, is_host_rewritten: bool
) -> None:
    """Another process publishes a newer content while this one reads the host's row."""
    monkeypatch.setattr(contents_module, "host_transaction", _no_transaction)
    cache, other = new_cache(), new_cache()
    other.publish("sales", edition(0))
    host, stats = Host(), Stats()
    contents = ResidentDags(host, Settings(), cache, stats, Fallbacks(stats))

    def overtake() -> None:
        host.number = 2 if is_host_rewritten else 1
        other.publish("sales", edition(2))

    host.meanwhile = overtake
    contents.get("sales", "hash 1", False, None)  # type: ignore[arg-type]  # this host needs no session
    assert contents.publisher.drain(PATIENCE_SECONDS)
    assert held(other) == 2
    host.number, host.meanwhile = 3, lambda: None
    contents.get("sales", "hash 3", False, None)  # type: ignore[arg-type]  # this host needs no session
    assert contents.publisher.drain(PATIENCE_SECONDS)
    assert held(other) == 3


def test_a_version_that_comes_back_is_not_removed(
    new_cache: Callable[[], DagCache], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was published after the host had been asked."""
    monkeypatch.setattr(removed_versions, "host_transaction", _no_transaction)
    cache, other = new_cache(), new_cache()
    other.publish("sales", edition(1))
    cache.certify()
    host = Host()
    host.meanwhile = lambda: other.publish("sales", edition(2)) and None
    assert RemovedVersions(host, cache).sweep() == 0
    assert held(other) == 2
    host.meanwhile = lambda: None
    cache.certify()
    assert RemovedVersions(host, cache).sweep() == 1
    assert held(other) is None
