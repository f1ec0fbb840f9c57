"""Hints go to the other processes of the same history."""

from __future__ import annotations

import pytest

from sched_cache.errors import StoreUnavailableError
from sched_cache.hints import Hints
from sched_cache.store.l2 import NoRedis


class Recorded(NoRedis):
    def __init__(self) -> None:
        self.sent: list[tuple[bytes, str]] = []

    def hint(self, sender: bytes, incarnation: str) -> bool:
        self.sent.append((sender, incarnation))
        return True


def test_the_history_is_learnt_before_the_first_hint() -> None:
    known: list[str] = []
    l2 = Recorded()
    hints = Hints(l2, lambda: known.append("abc"), lambda: known[0] if known else None)
    assert hints.send()
    assert [incarnation for _, incarnation in l2.sent] == ["abc"]


def test_two_caches_are_two_senders() -> None:
    l2 = Recorded()
    for _ in range(2):
        Hints(l2, lambda: None, lambda: "abc").send()
    assert len({sender for sender, _ in l2.sent}) == 2


def test_nothing_is_sent_while_the_history_is_unknown() -> None:
    l2 = Recorded()
    assert not Hints(l2, lambda: None, lambda: None).send()

    def fail() -> None:
        raise StoreUnavailableError("no answer")

    with pytest.raises(StoreUnavailableError):
        Hints(l2, fail, lambda: None).send()
    assert l2.sent == []


def test_without_redis_nothing_is_accepted_or_heard() -> None:
    hints = Hints(NoRedis(), lambda: None, lambda: "abc")
    assert not hints.send()
    subscription = hints.subscribe(lambda: None, lambda: None)
    subscription.start()
    assert not subscription.is_joined
    subscription.close()
