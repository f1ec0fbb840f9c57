from __future__ import annotations

import itertools
import random

from sched_cache.store.redis.pace import MAX_QUESTIONS_PER_SECOND, Pace


def asked_at(message_times: list[float]) -> list[float]:
    """When a question follows, if each message that comes while one waits is covered by it."""
    pace, now, asked = Pace(), 0.0, []
    for time in message_times:
        if time < now:
            continue  # covered
        now = time + pace.wait_seconds(time)
        pace.spend(now)
        asked.append(now)
    return asked


def test_a_single_message_is_followed_at_once() -> None:
    """And the next ones too, as long as they are few."""
    assert asked_at([1.0, 2.0, 2.01, 2.02]) == [1.0, 2.0, 2.01, 2.02]


def test_no_second_has_more_questions_than_allowed() -> None:
    """However many messages there are, and however they come."""
    for seed in range(50):
        choose, now, times = random.Random(seed), 0.0, []
        for _ in range(3_000):
            now += choose.choice((0.0001, 0.001, 0.02, choose.expovariate(2)))
            times.append(now)
        asked = asked_at(times)
        for first, time in enumerate(asked):
            within = [other for other in asked[first:] if other < time + 1.0]
            assert len(within) <= MAX_QUESTIONS_PER_SECOND == 20


def test_every_message_is_followed_soon() -> None:
    """At any rate the wait is shorter than a tenth of a second."""
    times = [number / 1_000 for number in range(5_000)]
    asked = asked_at(times)
    gaps = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert max(gaps) < 0.1
