from __future__ import annotations

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sched_cache.store.redis.breaker import CLOSED, HALF_OPEN, OPEN, Breaker
from tests.support.clock import ManualClock


def make_breaker(clock: ManualClock, seed: int = 1) -> Breaker:
    return Breaker(clock, 3, 1.0, 30.0, random.Random(seed))


def fail(breaker: Breaker, times: int) -> list[bool]:
    return [breaker.allow() and breaker.failed() for _ in range(times)]


def test_opens_at_the_third_failure_in_a_row() -> None:
    """An answer in between begins the count anew. The one that opens it is told so, for the log."""
    breaker = make_breaker(ManualClock())
    assert fail(breaker, 2) == [False, False]
    breaker.succeeded()
    assert fail(breaker, 3) == [False, False, True]
    assert breaker.state == OPEN
    assert not breaker.allow()


def test_allows_one_probe_when_its_time_is_over() -> None:
    """Between half a second and a second for the first one."""
    clock = ManualClock()
    breaker = make_breaker(clock)
    fail(breaker, 3)
    clock.now += 0.49
    assert not breaker.allow()
    clock.now += 0.52
    assert [breaker.allow() for _ in range(5)] == [True, False, False, False, False]
    assert breaker.state == HALF_OPEN


def test_probe_that_is_answered_closes_it() -> None:
    """Told once, for the log."""
    clock = ManualClock()
    breaker = make_breaker(clock)
    fail(breaker, 3)
    clock.now += 2
    assert breaker.allow()
    assert breaker.succeeded()
    assert not breaker.succeeded()
    assert breaker.state == CLOSED
    assert fail(breaker, 2) == [False, False]


def test_each_probe_that_fails_doubles_the_time_up_to_the_bound() -> None:
    """Half to all of 1, 2, 4, 8, 16, 30, 30, ... seconds."""
    clock = ManualClock()
    breaker = make_breaker(clock)
    fail(breaker, 3)
    for longest in (1, 2, 4, 8, 16, 30, 30, 30):
        opened_at = clock.now
        while not breaker.allow():
            clock.now += longest / 1000
        assert longest / 2 <= clock.now - opened_at <= longest * 1.01
        assert not breaker.failed()
        assert breaker.state == OPEN


def test_nodes_do_not_probe_in_step() -> None:
    """The times are drawn."""
    times = set()
    for seed in range(20):
        breaker = make_breaker(ManualClock(), seed)
        fail(breaker, 3)
        times.add(breaker._probe_at)
    assert len(times) == 20


def test_answer_that_comes_late_closes_it_too() -> None:
    """It was sent before the breaker opened, and Redis is there."""
    breaker = make_breaker(ManualClock())
    fail(breaker, 3)
    assert breaker.succeeded()
    assert breaker.allow()


def test_failures_that_come_late_change_nothing() -> None:
    """They were sent before the breaker opened: 64 threads that fail together are not 64 failed probes."""
    clock = ManualClock()
    breaker = make_breaker(clock)
    fail(breaker, 3)
    probe_at = breaker._probe_at
    for _ in range(64):
        assert not breaker.failed()
    assert breaker._probe_at == probe_at


def test_prober_that_never_reports_is_replaced() -> None:
    """Its thread was ended."""
    clock = ManualClock()
    breaker = make_breaker(clock)
    fail(breaker, 3)
    clock.now += 1
    assert breaker.allow()
    clock.now += 0.5
    assert not breaker.allow()
    clock.now += 2
    assert breaker.allow()


class Machine(RuleBasedStateMachine):
    """Whatever happens in whatever order, nobody is kept away for longer than the bound."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.breaker = make_breaker(self.clock)
        self.refused_since: float | None = None

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def ask(self) -> None:
        if self.breaker.allow():
            self.refused_since = None
        elif self.refused_since is None:
            self.refused_since = self.clock.now

    @rule()
    def succeed(self) -> None:
        self.breaker.succeeded()
        assert self.breaker.state == CLOSED
        self.refused_since = None

    @rule()
    def fail(self) -> None:
        was_half_open = self.breaker.state == HALF_OPEN
        self.breaker.failed()
        if was_half_open:
            self.refused_since = None

    @invariant()
    def nobody_is_kept_away_for_ever(self) -> None:
        if self.refused_since is not None and self.clock.now - self.refused_since > 30:
            assert self.breaker._probe_at <= self.clock.now


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=50, deadline=None)


@pytest.mark.parametrize("state", ["closed", "open"])
def test_child_begins_closed(state: str) -> None:
    """What the parent saw may be true no longer, and its lock may have been held."""
    breaker = make_breaker(ManualClock())
    if state == "open":
        fail(breaker, 3)
    breaker._lock.acquire()
    breaker.reset_after_fork()
    assert breaker.allow()
    assert fail(breaker, 3)[-1]
