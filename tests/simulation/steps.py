"""Threads of all processes as greenlets, one step at a time, in an order that somebody chooses.

A step ends wherever production code does I/O, waits for a lock, a flight or the clock. Nothing else runs meanwhile,
so an order of steps is a complete description of an execution and can be played again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from greenlet import GreenletExit, getcurrent, greenlet

import sched_cache.cache.l1
import sched_cache.cache.singleflight
import sched_cache.freshness.freshness
import sched_cache.testing.memory_store

Choose = Callable[[list[str], str | None], int]
"""Given the names of the threads that can go on, and of the one that went last: the index of the next."""


class Thread:
    """One thread of one process."""

    def __init__(self, name: str, process: Any, body: Callable[[], None]) -> None:
        self.name = name
        self.process = process
        self.is_ready: Callable[[], bool] = lambda: True
        self.greenlet = greenlet(body)


class Steps:
    """Runs threads step by step. After each step `check` is called."""

    def __init__(self, choose: Choose, check: Callable[[], None]) -> None:
        self._choose = choose
        self._check = check
        self._threads: list[Thread] = []
        self._current: Thread | None = None
        self.log: list[str] = []

    @property
    def current(self) -> Thread | None:
        """The thread that runs now; None outside of `run`."""
        return self._current

    def spawn(self, name: str, process: Any, body: Callable[[], None]) -> None:
        """Adds a thread."""
        self._threads.append(Thread(name, process, body))

    def pause(self, what: str) -> None:
        """Ends the step of the thread that runs. Its process may be dead when it goes on: then it does not."""
        self.block(what, lambda: True)

    def block(self, what: str, is_ready: Callable[[], bool]) -> None:
        """Ends the step; the thread goes on some time after `is_ready`."""
        thread = self._current
        if thread is None or thread.greenlet is not getcurrent():
            return  # set-up and checks
        if thread.process.is_dead:
            raise GreenletExit
        thread.is_ready = is_ready
        self.log.append(f"{thread.name}: {what}")
        thread.greenlet.parent.switch()
        if thread.process.is_dead:
            raise GreenletExit

    def run(self, max_steps: int) -> int:
        """Goes on until every thread has ended or none can; how many steps that took."""
        last: str | None = None
        for n_steps in range(max_steps):
            ready = [thread for thread in self._threads if thread.is_ready()]
            if not ready:
                return n_steps
            thread = ready[self._choose([thread.name for thread in ready], last)]
            last = thread.name
            self._current = thread
            try:
                thread.greenlet.switch()
            finally:
                self._current = None
            self._threads = [thread for thread in self._threads if not thread.greenlet.dead]
            self._check()
        return max_steps

    def kill(self, process: Any) -> None:
        """Ends a process between two steps: its transactions are rolled back, nothing else of it happens."""
        process.is_dead = True
        for thread in [thread for thread in self._threads if thread.process is process]:
            current, self._current = self._current, thread
            thread.greenlet.throw(GreenletExit)
            self._current = current
        self._threads = [thread for thread in self._threads if thread.process is not process]


class Clock:
    """The time of the whole simulation. It moves when told to."""

    def __init__(self, steps: Steps) -> None:
        self.now = 0.0
        self._steps = steps

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        self._steps.block(f"sleep {seconds}", lambda: self.now >= until)


class _Lock:
    """`threading.Lock` and `RLock`, waiting by steps."""

    def __init__(self, steps: Steps, is_reentrant: bool) -> None:
        self._steps = steps
        self._is_reentrant = is_reentrant
        self._owner: object | None = None
        self._depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        me = self._steps.current or self
        if self._owner is me and self._is_reentrant:
            self._depth += 1
            return True
        while self._owner is not None:
            if not blocking:
                return False
            assert me is not self, "set-up waits for a lock"
            self._steps.block("lock", lambda: self._owner is None)
        self._owner, self._depth = me, 1
        return True

    def release(self) -> None:
        self._depth -= 1
        if not self._depth:
            self._owner = None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class Signal:
    """`threading.Event`, waiting by steps."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def wait(self, timeout: float | None = None) -> bool:
        self._steps.block("flight", lambda: self._is_set)
        return self._is_set


@contextmanager
def stepwise_locks(steps: Steps) -> Iterator[None]:
    """Has the production modules make locks that wait by steps."""

    def lock() -> _Lock:
        return _Lock(steps, is_reentrant=False)

    def rlock() -> _Lock:
        return _Lock(steps, is_reentrant=True)

    threading = SimpleNamespace(Lock=lock, RLock=rlock)
    with (
        patch.object(sched_cache.cache.singleflight, "Lock", lock),
        patch.object(sched_cache.cache.l1, "RLock", rlock),
        patch.object(sched_cache.freshness.freshness, "threading", threading),
        patch.object(sched_cache.testing.memory_store, "threading", threading),
    ):
        yield
