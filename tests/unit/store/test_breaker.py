from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sched_cache.store.breaker import CLOSED, HALF_OPEN, OPEN, Breaker, Change
from sched_cache.store.budget import Budget
from tests.support.clock import ManualClock

TIMEOUT_SECONDS, BUDGET_SECONDS = 0.05, 0.1


def make_breaker(
    clock: ManualClock, seed: int = 1, prober: Callable[[], None] | None = None, max_failures: int = 3
) -> Breaker:
    return Breaker(
        clock,
        Budget(clock, BUDGET_SECONDS),
        timeout_seconds=TIMEOUT_SECONDS,
        max_failures=max_failures,
        min_open_seconds=1.0,
        max_open_seconds=8.0,
        source=random.Random(seed),
        prober=prober,
    )


def fail(breaker: Breaker, times: int) -> list[Change]:
    """Failures that cost nothing, as a refused connection."""
    return [breaker.failed(0.0) for _ in range(times) if breaker.grant()]


def test_opens_at_the_third_failure_in_a_row() -> None:
    """An answer in between begins the count anew. The failure that opens it says so, for the log."""
    breaker = make_breaker(ManualClock())
    assert fail(breaker, 2) == [Change.NONE] * 2
    breaker.succeeded(0.0, 0.0)
    assert fail(breaker, 3) == [Change.NONE, Change.NONE, Change.OPENED]
    assert breaker.state == OPEN
    assert breaker.grant() == 0.0


def test_a_tier_that_has_not_answered_yet_is_not_asked_twice() -> None:
    """Unless its failure cost next to nothing; in a forked child, it has not answered yet either."""
    breaker = make_breaker(ManualClock())
    assert [breaker.failed(0.02), breaker.failed(0.03)] == [Change.NONE, Change.OPENED]
    breaker = make_breaker(ManualClock())
    breaker.succeeded(0.001, 0.003)
    assert breaker.failed(0.03) is Change.NONE
    breaker.reset_after_fork()
    assert breaker.failed(0.03) is Change.OPENED


def test_opens_when_the_budget_is_spent() -> None:
    """After two calls that waited for their whole time-out."""
    breaker = make_breaker(ManualClock())
    breaker.succeeded(0.001, 0.003)
    assert [breaker.failed(breaker.grant()) for _ in range(2)] == [Change.NONE, Change.OPENED]


def test_no_call_waits_longer_than_what_is_left() -> None:
    """One caller loses the budget and no more, whatever the number of its calls."""
    clock = ManualClock()
    breaker = make_breaker(clock, max_failures=100)
    breaker.succeeded(0.001, 0.003)
    lost = 0.0
    while granted := breaker.grant():
        lost += 0.03 if lost < 0.03 else granted
        breaker.failed(0.03 if lost <= 0.03 else granted)
    assert lost == pytest.approx(BUDGET_SECONDS)


def test_opens_when_answers_come_later_than_from_behind() -> None:
    """Only what they take longer counts: twenty times five milliseconds are the budget."""
    breaker = make_breaker(ManualClock())
    changes = [breaker.succeeded(0.008, 0.003) for _ in range(20)]
    assert changes == [Change.NONE] * 19 + [Change.OPENED]


def test_slow_answers_among_fast_ones_leave_it_closed() -> None:
    """As long as the tier saves more than it costs."""
    breaker = make_breaker(ManualClock())
    for _ in range(1000):
        breaker.succeeded(0.020, 0.003)
        for _ in range(8):
            breaker.succeeded(0.0005, 0.003)
    assert breaker.state == CLOSED


def test_failures_among_answers_open_it_when_they_cost_more_than_is_saved() -> None:
    """They are never three in a row."""
    breaker = make_breaker(ManualClock())
    for _ in range(50):
        for _ in range(5):
            breaker.succeeded(0.001, 0.003)
        if breaker.failed(0.05) is Change.OPENED:
            return
    pytest.fail("it did not open")


def test_allows_one_probe_when_its_time_is_over() -> None:
    """Between half a second and a second for the first one; it waits no longer than the budget allows."""
    clock = ManualClock()
    breaker = make_breaker(clock)
    fail(breaker, 3)
    clock.now += 0.49
    assert not breaker.grant()
    clock.now += 0.52
    assert [breaker.grant() for _ in range(5)] == [TIMEOUT_SECONDS, 0, 0, 0, 0]
    assert breaker.state == HALF_OPEN


def test_a_prober_spares_the_callers() -> None:
    """It is started once for each back-off, and until it reports nothing is granted."""
    clock = ManualClock()
    started: list[float] = []
    breaker = make_breaker(clock, prober=lambda: started.append(clock.now))
    fail(breaker, 3)
    clock.now += 1.1
    assert [breaker.grant() for _ in range(5)] == [0.0] * 5
    assert len(started) == 1
    assert breaker.succeeded(0.001, 0.005) is Change.CLOSED
    assert breaker.grant() == TIMEOUT_SECONDS


@pytest.mark.parametrize("is_slow", [False, True])
def test_probe_that_finds_it_failing_or_slow_opens_it_again(is_slow: bool) -> None:
    """A tier that answers later than the one behind is of no use yet."""
    clock = ManualClock()
    breaker = make_breaker(clock, prober=lambda: None)
    fail(breaker, 3)
    clock.now += 1.1
    breaker.grant()
    change = breaker.succeeded(0.02, 0.005) if is_slow else breaker.failed(0.0)
    assert change is Change.NONE
    assert breaker.state == OPEN


def test_after_a_trouble_calls_may_take_little_until_the_budget_is_full() -> None:
    """It was spent; a tier that is well answers in less."""
    clock = ManualClock()
    breaker = make_breaker(clock, prober=lambda: None)
    breaker.succeeded(0.001, 0.005)
    while breaker.state == CLOSED:
        breaker.failed(breaker.grant())
    clock.now += 1.1
    breaker.grant()
    breaker.succeeded(0.001, 0.005)
    assert breaker.grant() == pytest.approx(0.011)
    clock.now += 10
    assert breaker.grant() == TIMEOUT_SECONDS


def test_probe_that_is_answered_closes_it() -> None:
    """Said once, for the log."""
    clock = ManualClock()
    breaker = make_breaker(clock)
    fail(breaker, 3)
    clock.now += 2
    assert breaker.grant()
    assert breaker.succeeded(0.0, 0.0) is Change.CLOSED
    assert breaker.succeeded(0.0, 0.0) is Change.NONE
    assert breaker.state == CLOSED
    assert fail(breaker, 2) == [Change.NONE] * 2


def test_each_probe_that_fails_doubles_the_back_off_up_to_the_bound() -> None:
    """Half to all of 1, 2, 4, 8, 8, ... seconds."""
    clock = ManualClock()
    breaker = make_breaker(clock)
    fail(breaker, 3)
    for longest in (1, 2, 4, 8, 8, 8):
        opened_at = clock.now
        while not breaker.grant():
            clock.now += longest / 1000
        assert longest / 2 <= clock.now - opened_at <= longest * 1.01
        assert breaker.failed(0.0) is Change.NONE
        assert breaker.state == OPEN


def test_a_trouble_that_comes_back_soon_is_left_alone_for_longer() -> None:
    """A tier that answers each probe and nothing else is not tried every second."""
    clock = ManualClock()
    breaker = make_breaker(clock)
    pauses = []
    for _ in range(6):
        fail(breaker, 3)
        opened_at = clock.now
        while not breaker.grant():
            clock.now += 0.01
        breaker.succeeded(0.0, 0.0)
        pauses.append(clock.now - opened_at)
    assert pauses[-1] >= 4
    clock.now += 9
    fail(breaker, 3)
    assert breaker._probe_at - clock.now <= 1


def test_processes_do_not_probe_in_step() -> None:
    """The times are drawn."""
    times = set()
    for seed in range(20):
        breaker = make_breaker(ManualClock(), seed)
        fail(breaker, 3)
        times.add(breaker._probe_at)
    assert len(times) == 20


def test_answer_that_comes_late_closes_it_too() -> None:
    """It was sent before the breaker opened, and the tier is there."""
    breaker = make_breaker(ManualClock())
    fail(breaker, 3)
    assert breaker.succeeded(0.0, 0.0) is Change.CLOSED
    assert breaker.grant()


def test_failures_that_come_late_change_nothing() -> None:
    """They were sent before the breaker opened: 64 threads that fail together are not 64 failed probes."""
    breaker = make_breaker(ManualClock())
    fail(breaker, 3)
    probe_at = breaker._probe_at
    for _ in range(64):
        assert breaker.failed(0.05) is Change.NONE
    assert breaker._probe_at == probe_at


def test_probe_that_never_reports_is_replaced() -> None:
    """Its thread was ended, or hangs."""
    clock = ManualClock()
    started: list[float] = []
    breaker = make_breaker(clock, prober=lambda: started.append(clock.now))
    fail(breaker, 3)
    clock.now += 1
    breaker.grant()
    clock.now += 0.4
    breaker.grant()
    assert len(started) == 1
    clock.now += 2
    breaker.grant()
    assert len(started) == 2


class Machine(RuleBasedStateMachine):
    """After any events in any order, no caller is kept away for longer than the limit."""

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
        if self.breaker.grant():
            self.refused_since = None
        elif self.refused_since is None:
            self.refused_since = self.clock.now

    @rule()
    def succeed(self) -> None:
        self.breaker.succeeded(0.001, 0.002)
        assert self.breaker.state == CLOSED
        self.refused_since = None

    @rule(seconds=st.floats(0, 0.1))
    def answer_late(self, seconds: float) -> None:
        was_half_open = self.breaker.state == HALF_OPEN
        self.breaker.succeeded(0.002 + seconds, 0.002)
        if was_half_open or self.breaker.state == CLOSED:
            self.refused_since = None

    @rule(seconds=st.floats(0, 0.1))
    def fail(self, seconds: float) -> None:
        was_half_open = self.breaker.state == HALF_OPEN
        self.breaker.failed(seconds)
        if was_half_open:
            self.refused_since = None

    @invariant()
    def is_not_kept_away_for_ever(self) -> None:
        if self.refused_since is not None and self.clock.now - self.refused_since > 8:
            assert self.breaker._probe_at <= self.clock.now


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=50, deadline=None)


@pytest.mark.parametrize("state", ["closed", "open"])
def test_child_begins_closed(state: str) -> None:
    """The observations of the parent may be outdated, and its lock may have been held."""
    breaker = make_breaker(ManualClock())
    if state == "open":
        fail(breaker, 3)
    breaker._lock.acquire()
    breaker.reset_after_fork()
    assert breaker.grant()
    assert fail(breaker, 3)[-1] is Change.OPENED
