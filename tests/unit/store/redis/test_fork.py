"""One socket in two processes would mix their answers."""

from __future__ import annotations

from tests.contracts.l1 import in_child
from tests.contracts.l2 import open_tier, part_of


def test_parent_and_child_both_go_on(redis_url: str) -> None:
    """Each on sockets of its own, many times at once."""
    tier = open_tier(redis_url)
    parts = dict(part_of(f"part {number}", 5000) for number in range(50))
    tier.put_many(parts)
    for _ in range(3):
        assert in_child(lambda: all(tier.get(digest) == part for digest, part in parts.items()))
        assert tier.get_many(list(parts)) == parts
    tier.close()


def test_child_of_a_process_in_trouble_asks_for_itself(redis_url: str) -> None:
    """The breaker is closed there."""
    tier = open_tier(redis_url)
    for _ in range(3):
        tier._link.breaker.failed(0.0)
    digest, part = part_of("part")
    assert not tier.put_many({digest: part})
    assert in_child(lambda: tier.put_many({digest: part}))
    tier.close()


def test_child_of_a_process_with_redis_inside_has_its_own() -> None:
    """Memory is not shared, and a lock of the parent's server may have been held."""
    tier = open_tier("fake://forked")
    digest, part = part_of("part")
    tier.put_many({digest: part})
    assert in_child(lambda: tier.fetch(digest, lambda: part) == part)
    assert tier.get(digest) == part
    tier.close()
