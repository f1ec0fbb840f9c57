"""A cluster that is being upgraded: nodes of several Airflow releases on one database and one Redis."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.serialized import generate_document
from sched_cache.clock import SystemClock
from sched_cache.config import Config
from sched_cache.dag_cache import DagCache
from sched_cache.format import encode_dag
from sched_cache.stats import Stats
from sched_cache.store.redis import open_l2
from tests.support.format.exact import assert_same

_DOCUMENTS = Path(__file__).parents[1] / "golden" / "documents"


def written_by_every_release() -> dict[str, Any]:
    """release -> what it stores for the same DAG, serialization versions 1 to 3."""
    documents = {
        path.stem.split("-")[1]: json.loads(path.read_text())
        for path in sorted(_DOCUMENTS.glob("*-fields.json"))
    }
    documents["3.3.2"] = generate_document("chain", 5, dag_id="fields")
    return documents


WRITTEN = written_by_every_release()
_VERSION_AT = 4  # in the header of a part


@pytest.fixture
def config(tmp_path: Path, request: pytest.FixtureRequest) -> Config:
    return Config(
        database_url=f"sqlite:///{tmp_path}/dags.db",
        redis_url=f"fake://{tmp_path.name}-{request.node.name[:20]}",
        max_staleness_seconds=0.0,
    )


@pytest.fixture
def nodes(config: Config) -> Iterator[list[DagCache]]:
    """One per release; what a node is, is decided by what it writes."""
    nodes = [DagCache.open(config) for _ in WRITTEN]
    yield nodes
    for node in nodes:
        node.close()


def test_every_serialization_version_is_among_them() -> None:
    assert {document["__version"] for document in WRITTEN.values()} == {1, 2, 3}


def test_all_nodes_read_what_any_of_them_published(nodes: list[DagCache]) -> None:
    """Old and new processors write the same DAG in turn, several times over."""
    last = 0
    for release, document in [*WRITTEN.items()] * 2:
        published = nodes[list(WRITTEN).index(release)].publish("fields", document)
        assert published.changed and published.version > last
        last = published.version
        for node in nodes:
            dag = node.get("fields", min_version=published.version)
            assert dag is not None
            assert dag.serialized_version == document["__version"]
            assert list(dag.task_ids) == [
                (task.get("__var") or task)["task_id"] for task in document["dag"]["tasks"]
            ]
            assert_same(dag.to_serialized(), document)


def test_contents_of_all_releases_rest_in_redis_side_by_side(nodes: list[DagCache], config: Config) -> None:
    """Each under its hash, so going back to an old release finds the old content."""
    for node, document in zip(nodes, WRITTEN.values(), strict=True):
        node.publish("fields", document)
    encoded = {release: encode_dag(document) for release, document in WRITTEN.items()}
    hashes = {one.content_hash for one in encoded.values()}
    assert len(hashes) == len(WRITTEN)
    l2 = open_l2(config, Stats(), SystemClock())
    found = l2.get_many(hashes)
    l2.close()
    assert found == {one.content_hash: one.hot for one in encoded.values()}


def test_what_another_format_left_in_redis_is_a_miss(nodes: list[DagCache], config: Config) -> None:
    """It is replaced by what the hash names, and nobody sees it."""
    encoded = encode_dag(WRITTEN["2.11.2"])
    newer = bytearray(encoded.hot)
    newer[_VERSION_AT] += 1
    with DagCache.open(replace(config, redis_url=None)) as without_redis:
        without_redis.publish("fields", encoded)
    l2 = open_l2(config, Stats(), SystemClock())
    l2.put_many({encoded.content_hash: bytes(newer)})
    for node in nodes:
        dag = node.get("fields")
        assert dag is not None
        assert_same(dag.to_serialized(), WRITTEN["2.11.2"])
    assert l2.get_many([encoded.content_hash]) == {encoded.content_hash: encoded.hot}
    l2.close()
    assert nodes[0].stats()["redis"]["damaged"] == 1


def test_readers_see_the_newest_of_many_interleaved_writers(nodes: list[DagCache]) -> None:
    """No version goes back, whichever release wrote it and whoever reads."""
    choose = random.Random(7)
    documents = list(WRITTEN.values())
    seen = [0] * len(nodes)
    for _ in range(60):
        writer = choose.randrange(len(nodes))
        nodes[writer].publish("fields", documents[writer])
        reader = choose.randrange(len(nodes))
        dag = nodes[reader].get("fields")
        pointer = nodes[reader].floor("fields")
        assert dag is not None and pointer is not None
        assert dag.content_hash == pointer.content_hash
        assert pointer.version >= seen[reader]
        seen[reader] = pointer.version
        assert dag.serialized_version == documents[writer]["__version"]
