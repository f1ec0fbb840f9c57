"""When a worker asks whether anything has changed."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from unittest import mock

import pytest

from sched_cache_airflow.sharing import background_refresh
from sched_cache_airflow.sharing.background_refresh import BackgroundRefresh

_STEP_SECONDS = 0.125  # adds up exactly


class Times:
    """Two clocks that stand still until they are told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.computed = 0.0

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return self.computed


@pytest.fixture
def times() -> Iterator[Times]:
    times = Times()
    with mock.patch.object(background_refresh, "time", times):
        yield times


class Worker:
    """One with some DAGs in memory, and a question that takes its time."""

    def __init__(self, times: Times, question_seconds: float) -> None:
        self.n_questions = 0
        self.n_told = 0
        self.n_changed = 0
        self._times = times
        self._question_seconds = question_seconds
        self.refresh = BackgroundRefresh(self._ask, lambda: self.n_told, 1.0)

    def _ask(self) -> int:
        self.n_questions += 1
        self._times.computed += self._question_seconds
        n_changed, self.n_changed = self.n_changed, 0
        return n_changed

    def work(self, seconds: float) -> int:
        """Questions in so long."""
        before = self.n_questions
        for _ in range(round(seconds / _STEP_SECONDS)):
            self._times.now += _STEP_SECONDS
            self.refresh.look()
        return self.n_questions - before


def test_it_asks_twice_within_the_bound(times: Times) -> None:
    assert 19 <= Worker(times, question_seconds=0.001).work(10.0) <= 21


def test_it_asks_at_once_when_it_is_told(times: Times) -> None:
    worker = Worker(times, question_seconds=0.0005)
    worker.work(10.0)
    worker.n_told += 1
    assert worker.work(_STEP_SECONDS) == 1


def test_what_takes_long_is_asked_less_often(times: Times) -> None:
    """A hundredth of the time, told or not: the worker has people to serve."""
    worker = Worker(times, question_seconds=0.02)
    assert 4 <= worker.work(10.0) <= 6
    for _ in range(100):
        worker.n_told += 1
        worker.work(_STEP_SECONDS)
    assert worker.n_questions <= 12


def test_what_is_told_during_a_rest_is_not_forgotten(times: Times) -> None:
    worker = Worker(times, question_seconds=0.02)
    worker.work(_STEP_SECONDS)
    worker.n_told, worker.n_changed = 1, 1
    worker.work(2.125)
    assert worker.refresh.n_loaded == 1


def test_loading_is_not_held_against_it(times: Times) -> None:
    """Somebody has to: it does not make the worker slow to hear of the next change."""
    worker = Worker(times, question_seconds=0.5)
    worker.n_changed = 3
    worker.work(_STEP_SECONDS)
    worker.n_told += 1
    assert worker.work(_STEP_SECONDS) == 1


def test_closing_does_not_wait_for_a_tier_that_hangs() -> None:
    """The thread goes on alone, and keeps no process alive."""
    begun, over = Event(), Event()

    def load() -> int:
        begun.set()
        over.wait(60)
        return 0

    refresh = BackgroundRefresh(load, lambda: 0, 10.0)
    refresh.start()
    assert begun.wait(60)
    refresh.close()
    assert refresh._thread is not None and refresh._thread.is_alive() and refresh._thread.daemon
    over.set()
    refresh._thread.join(60)
