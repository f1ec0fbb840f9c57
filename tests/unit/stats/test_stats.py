from __future__ import annotations

import json
import os

from sched_cache.stats import Stats, merge_snapshots


def counted(hits: int, seconds: float, age: float, size: float) -> Stats:
    stats = Stats()
    stats.l1.hits += hits
    stats.redis.get_seconds.record(seconds)
    stats.fallbacks["unknown timetable"] = hits
    stats.add_gauge("certified_age_seconds", lambda: age)
    stats.add_gauge("l1_bytes", lambda: size)
    return stats


def test_snapshot_is_plain_and_detached() -> None:
    """It can be written as JSON, and does not change when more is counted."""
    stats = counted(2, 0.001, 0.5, 10)
    snapshot = stats.snapshot()
    text = json.dumps(snapshot)
    stats.l1.hits += 1
    stats.redis.get_seconds.record(1)
    stats.fallbacks["unknown timetable"] += 1
    assert json.loads(text) == json.loads(json.dumps(snapshot))
    assert snapshot["l1"]["hits"] == 2
    assert snapshot["redis"]["get_seconds"]["count"] == 1
    assert snapshot["fallbacks"] == {"unknown timetable": 2}
    assert snapshot["gauges"] == {"certified_age_seconds": 0.5, "l1_bytes": 10}


def test_merging_adds_counts_and_keeps_the_worst_age() -> None:
    """Three processes as one: amounts are added, of ages the largest stands."""
    parts = [counted(1, 0.001, 0.5, 10), counted(2, 0.001, 3.0, 20), counted(3, 2.0, 1.0, 30)]
    merged = merge_snapshots(part.snapshot() for part in parts)
    assert merged["l1"]["hits"] == 6
    assert merged["fallbacks"] == {"unknown timetable": 6}
    assert merged["gauges"] == {"certified_age_seconds": 3.0, "l1_bytes": 60}
    assert merged["redis"]["get_seconds"]["count"] == 3
    assert merged["redis"]["get_seconds"]["max"] == 2.0
    assert merged["redis"]["get_seconds"]["p50"] < 0.0012 < 1.9 < merged["redis"]["get_seconds"]["p99"]


def test_merging_takes_what_only_some_have() -> None:
    """Processes of two releases may be merged."""
    one, other = Stats().snapshot(), Stats().snapshot()
    del one["l1"]["hits"]
    other["new"] = {"things": 3}
    assert merge_snapshots([one, other])["new"] == {"things": 3}
    assert merge_snapshots([one, other])["l1"]["hits"] == 0


def test_merging_leaves_its_arguments_alone() -> None:
    """A snapshot may be merged twice."""
    one, other = counted(1, 0.001, 0, 0).snapshot(), counted(2, 0.1, 0, 0).snapshot()
    before = json.dumps([one, other])
    assert merge_snapshots([one, other]) == merge_snapshots([one, other])
    assert json.dumps([one, other]) == before


def test_child_counts_from_zero() -> None:
    """A fork would count everything of the parent twice; objects held elsewhere stay the ones that count."""
    stats = counted(5, 0.001, 0.5, 10)
    l1 = stats.l1
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        l1.hits += 1
        snapshot = stats.snapshot()
        told = [
            snapshot["l1"]["hits"],
            snapshot["redis"]["get_seconds"]["count"],
            snapshot["gauges"]["l1_bytes"],
        ]
        os.write(writer, json.dumps([told, snapshot["fallbacks"]]).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        assert json.load(pipe) == [[1, 0, 10], {}]
    assert os.waitpid(pid, 0)[1] == 0
    assert stats.snapshot()["l1"]["hits"] == 5
