from __future__ import annotations

from sched_cache.store.l2 import Answer
from tests.contracts.l2 import client_of, open_tier, part_of


def test_servers_are_told_apart_by_name() -> None:
    """All who use a name in this process share one."""
    digest, part = part_of("part")
    open_tier("fake://one").put_many({digest: part})
    assert open_tier("fake://one").get(digest) == part
    assert open_tier("fake://other").get(digest) is Answer.MISS


def test_what_expired_takes_no_memory() -> None:
    """Although nobody asks for it again: superseded contents would pile up in the process."""
    tier = open_tier("fake://expiry")
    client = client_of(tier)
    for number in range(100):
        client.set(f"old {number}", b"x", px=1)  # type: ignore[attr-defined]  # of redis-py
    for number in range(600):
        tier.put_many(dict([part_of(f"part {number}")]))
    server = client.connection_pool.connection_kwargs["server"]  # type: ignore[attr-defined]  # of fakeredis
    assert len(server.dbs[0]._dict) == 600
