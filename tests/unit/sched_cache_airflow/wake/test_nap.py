"""A scheduler is woken by hints, looks by itself without them, and never sleeps longer than the host would."""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sched_cache_airflow.wake.nap import BY_HINT, BY_LOOK, BY_TIME, MAX_LOOPS_PER_SECOND, Nap, n_under_way
from tests.support.clock import ManualClock

HOST_SECONDS = 1.0
LOOP_SECONDS = 0.001


class Signal:
    """An event whose waits move the clock, up to the moments of `hints`."""

    def __init__(self, clock: ManualClock, hints: list[float]) -> None:
        self._clock = clock
        self._hints = hints
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def clear(self) -> None:
        self._is_set = False
        self._take()

    def wait(self, seconds: float) -> bool:
        until = self._clock.now + seconds
        while not self._is_set and self._hints and self._hints[0] <= until:
            self._clock.now = max(self._clock.now, self._hints[0])
            self._is_set = True
        self._take()
        if not self._is_set:
            self._clock.now = until
        return self._is_set

    def _take(self) -> None:
        while self._hints and self._hints[0] <= self._clock.now:
            self._hints.pop(0)


class Scheduler:
    """Loops that find nothing, unless a test says that they do."""

    def __init__(self, *, n_running: int = 0, hints: list[float] | None = None, hears: bool = False) -> None:
        self.clock = ManualClock(0.0)
        self.hears = hears
        executor = SimpleNamespace(running={*range(n_running)}, queued_tasks={})
        self.runner = SimpleNamespace(executors=[executor], num_runs=-1)
        make_signal = cast(Callable[[], Event], lambda: Signal(self.clock, hints or []))
        self.nap = Nap(
            lambda: self.hears,
            monotonic=self.clock.monotonic,
            sleep=self.clock.sleep,
            make_signal=make_signal,
            source=random.Random(1),
        )

    def loop(self) -> None:
        """One loop, of a millisecond."""
        self.nap.loop_began(self.runner)
        self.clock.now += LOOP_SECONDS

    def sleep(self, seconds: float = HOST_SECONDS) -> float:
        """The duration of the sleep after a loop that found nothing."""
        self.loop()
        began_at = self.clock.now
        assert self.nap.is_in_charge()
        self.nap.sleep(seconds)
        return round(self.clock.now - began_at, 9)


def test_a_hint_ends_the_sleep() -> None:
    scheduler = Scheduler(hints=[0.3], hears=True)
    assert scheduler.sleep() == pytest.approx(0.3, abs=0.01)
    assert scheduler.nap.counts == {BY_HINT: 1, BY_LOOK: 0, BY_TIME: 0}


def test_a_hint_during_a_loop_ends_the_next_sleep_at_once() -> None:
    scheduler = Scheduler(hears=True)
    scheduler.nap.hint()
    assert scheduler.sleep() < 0.01
    assert scheduler.sleep() == HOST_SECONDS, "one hint, one loop"


def test_without_hints_and_tasks_the_sleep_is_that_of_the_host() -> None:
    for hears in (True, False):
        scheduler = Scheduler(hears=hears)
        assert [scheduler.sleep() for _ in range(5)] == [HOST_SECONDS] * 5
        assert scheduler.nap.counts[BY_TIME] == 5


def test_without_hints_a_scheduler_with_tasks_looks_sooner_and_then_less_often() -> None:
    scheduler = Scheduler(n_running=1)
    sleeps = [scheduler.sleep() for _ in range(12)]
    assert sleeps[0] <= 0.025
    assert sleeps == sorted(sleeps)
    assert sleeps[-1] == HOST_SECONDS
    assert sum(sleeps[: sleeps.index(HOST_SECONDS)]) <= 10.0


def test_it_looks_sooner_again_after_a_loop_that_found_something() -> None:
    scheduler = Scheduler(n_running=1)
    for _ in range(12):
        scheduler.sleep()
    scheduler.loop()  # the host does not sleep after a loop that queued something
    assert scheduler.sleep() <= 0.025


def test_it_looks_a_few_times_more_after_its_last_task_has_ended() -> None:
    """Another scheduler may have had the run locked in the loop that followed."""
    scheduler = Scheduler(n_running=1)
    scheduler.sleep()
    scheduler.loop()  # finds that the task has ended, so the host does not sleep
    scheduler.runner.executors[0].running.clear()
    sleeps = [scheduler.sleep() for _ in range(6)]
    assert sleeps[0] <= 0.025
    assert sum(sleeps[:4]) <= 0.35
    assert sleeps[4:] == [HOST_SECONDS] * 2


def test_a_long_loop_is_not_repeated_at_once() -> None:
    """A tenth of a second of work in each loop, and a quarter of the processor at most."""
    scheduler = Scheduler(n_running=1)
    scheduler.nap.loop_began(scheduler.runner)
    scheduler.clock.now += 0.1
    began_at = scheduler.clock.now
    scheduler.nap.sleep(HOST_SECONDS)
    assert scheduler.clock.now - began_at >= 0.3


def test_where_hints_arrive_it_does_not_look_by_itself() -> None:
    scheduler = Scheduler(n_running=1, hears=True)
    assert scheduler.sleep() == HOST_SECONDS


def test_it_looks_by_itself_where_ends_are_not_announced() -> None:
    """Hints arrive, but another node has no plugin: what a loop found after a whole sleep was not announced."""
    scheduler = Scheduler(n_running=1, hears=True)
    assert scheduler.sleep() == HOST_SECONDS
    scheduler.loop()  # found something
    assert scheduler.sleep() <= 0.025


def test_a_flood_of_hints_leads_to_few_loops() -> None:
    scheduler = Scheduler(hints=[number / 10_000 for number in range(100_000)], hears=True)
    n_loops = 0
    while scheduler.clock.now < 10.0:
        scheduler.sleep()
        n_loops += 1
    assert 100 <= n_loops <= MAX_LOOPS_PER_SECOND * 10


def test_no_sleep_is_longer_than_the_hosts() -> None:
    """Also where the limit of loops would have it wait."""
    scheduler = Scheduler(hints=[number / 1000 for number in range(5000)], hears=True, n_running=3)
    source = random.Random(2)
    for _ in range(300):
        seconds = source.choice((0.001, 0.01, 0.05, 1.0))
        assert scheduler.sleep(seconds) <= seconds


def test_a_scheduler_with_a_number_of_loops_sleeps_as_the_host_has_it() -> None:
    scheduler = Scheduler()
    scheduler.runner.num_runs = 3
    scheduler.loop()
    assert not scheduler.nap.is_in_charge()


def test_only_the_thread_of_the_scheduler_is_woken() -> None:
    scheduler = Scheduler()
    scheduler.loop()
    found: list[bool] = []
    thread = Thread(target=lambda: found.append(scheduler.nap.is_in_charge()))
    thread.start()
    thread.join()
    assert found == [False]
    assert scheduler.nap.is_in_charge()


def test_a_child_is_no_scheduler() -> None:
    scheduler = Scheduler()
    scheduler.loop()
    scheduler.nap.reset_after_fork()
    assert not scheduler.nap.is_in_charge()


def test_the_option_switches_it_off() -> None:
    nap = Nap(lambda: True, is_on=False)
    nap.loop_began(SimpleNamespace(num_runs=-1))
    assert not nap.is_in_charge()


def _executor() -> Any:
    return SimpleNamespace(running={1, 2}, queued_tasks={3: None})


_SHARED = _executor()


@pytest.mark.parametrize(
    ("runner", "expected"),
    [
        (SimpleNamespace(executors=[_executor(), _executor()]), 6),
        (SimpleNamespace(job=SimpleNamespace(executors=[_SHARED, _executor()], executor=_SHARED)), 6),
        (SimpleNamespace(job=SimpleNamespace(executors=[], executor=_executor())), 3),
        (SimpleNamespace(job=SimpleNamespace(executor=_executor())), 3),
    ],
    ids=["3.2", "2.10", "2.9", "one executor"],
)
def test_the_tasks_of_all_executors_are_counted(runner: Any, expected: int) -> None:
    """Each once: the executor of a job may be the first of those that are configured."""
    assert n_under_way(runner) == expected
