"""The idle sleep of a scheduler, which ends when there is something to do.

A scheduler that has nothing to do sleeps for `scheduler_idle_sleep_time`, a second by default, and learns only then
that a task instance has ended. Here a hint ends that sleep, and where no hints arrive, a scheduler whose task instances
are under way looks sooner, and then less and less often.

Hints are neither trusted nor needed: they lead to loops, at most `MAX_LOOPS_PER_SECOND`, and without them the sleep is
never longer than the host's own.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from threading import Event, get_ident
from typing import Any, Final

from sched_cache import fork
from sched_cache.store.redis.pace import MAX_QUESTIONS_PER_SECOND, Pace

MAX_LOOPS_PER_SECOND: Final = MAX_QUESTIONS_PER_SECOND
"""The limit of loops that begin early, in any second, for any number of hints."""
FIRST_LOOK_SECONDS: Final = 0.02
"""The first wait of a scheduler that gets no hints; each further one is twice as long."""
_LOOKS_AFTER_MOVEMENT: Final = 4
"""Looks of a scheduler that gets no hints, after its last task instance has ended: the next ones may belong to a run
that another scheduler had locked in the last loop. They take 0.3 s in all."""
_REST_PER_LOOP: Final = 3.0
"""A wait without a hint takes at least this many times the last loop, which limits the use of the processor."""
_JITTER_SECONDS: Final = 0.005
"""The schedulers of a cluster get a hint at the same time."""
_UNANNOUNCED_SECONDS: Final = 300.0
"""How long a scheduler looks by itself after it found something that no hint had announced."""

BY_HINT: Final = "by_hint"
BY_LOOK: Final = "by_look"
BY_TIME: Final = "by_time"


class Nap:
    """The sleeps of the scheduler of this process. One thread sleeps; any thread gives hints.

    hears: whether hints arrive at present, as far as is known. counts: sleeps by what ended them.
    """

    def __init__(
        self,
        hears: Callable[[], bool],
        *,
        is_on: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        make_signal: Callable[[], Event] = Event,
        source: random.Random | None = None,
    ) -> None:
        self._hears = hears
        self._is_on = is_on
        self._monotonic = monotonic
        self._sleep = sleep
        self._make_signal = make_signal
        self._random = source or random.Random()
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """A child is no scheduler until it begins a loop, and counts from zero."""
        self.counts = {BY_HINT: 0, BY_LOOK: 0, BY_TIME: 0}
        self._hinted = self._make_signal()
        self._thread: int | None = None
        self._runner: Any = None
        self._pace = Pace()
        self._n_loops = 0
        self._n_slept_at = 0
        self._n_looks = 0
        self._n_looks_without_tasks = 0
        self._woken_by = BY_HINT
        self._looks_until = float("-inf")
        self._loop_began_at = 0.0

    def hint(self) -> None:
        """Ends the sleep, or makes the next one end at once."""
        self._hinted.set()

    def loop_began(self, runner: Any) -> None:
        """The scheduler `runner` begins a loop in this thread."""
        self._thread = get_ident()
        self._runner = runner
        self._n_loops += 1
        self._loop_began_at = self._monotonic()

    def is_in_charge(self) -> bool:
        """Whether this thread is that of a scheduler whose sleeps may end early.

        A scheduler that ends after a number of loops sleeps as the host has it: that number is a time to its user.
        """
        return self._is_on and self._thread == get_ident() and not getattr(self._runner, "num_runs", 1) > 0

    def sleep(self, seconds: float) -> None:
        """Sleeps for `seconds`, or less."""
        now = self._monotonic()
        until = now + seconds
        self._note_movement(now)
        look_seconds = self._look_seconds(now)
        if self._hinted.wait(max(0.0, min(seconds, look_seconds))):
            self._wait_for_turn(until)
            self._woken_by = BY_HINT
        else:
            self._woken_by = BY_LOOK if look_seconds < seconds else BY_TIME
        self.counts[self._woken_by] += 1

    def _note_movement(self, now: float) -> None:
        """The host sleeps only after a loop in which nothing was queued and nothing had ended."""
        if self._n_loops - self._n_slept_at > 1:
            self._n_looks = 0
            self._n_looks_without_tasks = _LOOKS_AFTER_MOVEMENT
            if self._woken_by == BY_TIME and self._n_slept_at:
                self._looks_until = now + _UNANNOUNCED_SECONDS
        self._n_slept_at = self._n_loops

    def _look_seconds(self, now: float) -> float:
        """The time until the next look without a hint; infinite if the host's own sleep is as good."""
        if self._hears() and now >= self._looks_until:
            return float("inf")
        if not n_under_way(self._runner):
            if not self._n_looks_without_tasks:
                return float("inf")
            self._n_looks_without_tasks -= 1
        wait = FIRST_LOOK_SECONDS * 2.0 ** min(self._n_looks, 20)
        self._n_looks += 1
        return max(wait, _REST_PER_LOOP * (now - self._loop_began_at))

    def _wait_for_turn(self, until: float) -> None:
        """Keeps the limit of loops per second; hints that come meanwhile are answered by the same loop."""
        now = self._monotonic()
        wait = self._pace.wait_seconds(now) + self._random.uniform(0.0, _JITTER_SECONDS)
        self._sleep(max(0.0, min(wait, until - now)))
        self._hinted.clear()
        self._pace.spend(self._monotonic())


def n_under_way(runner: Any) -> int:
    """How many task instances the executors of a scheduler have in their memory. Reads two attributes each."""
    return sum(len(executor.running) + len(executor.queued_tasks) for executor in executors_of(runner))


def executors_of(runner: Any) -> Sequence[Any]:
    """The executors of a scheduler; before 3.2 they belong to its job.

    Before 2.10 a scheduler uses the one of its job alone, which need not be among those that are configured.
    """
    own = getattr(runner, "executors", None)
    if own:
        return list(own)
    of_job = (*(getattr(runner.job, "executors", None) or ()), getattr(runner.job, "executor", None))
    return list({id(executor): executor for executor in of_job if executor is not None}.values())
