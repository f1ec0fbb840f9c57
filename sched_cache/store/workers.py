"""Threads for calls that have no time-out: the caller stops waiting, and the call continues without it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeVar, cast

from sched_cache import fork

T = TypeVar("T")

_MAX_WAITING = 64


class _Job(Generic[T]):
    """One call. Its lock is held until it has ended, so that a thread waits for it by acquiring the lock."""

    def __init__(self, call: Callable[[], T], discard: Callable[[T], object] | None) -> None:
        self._call = call
        self._discard = discard
        self._guard = Lock()
        self._is_abandoned = False  # guarded by _guard
        self._is_done = False  # guarded by _guard
        self._result: T | None = None
        self._error: BaseException | None = None
        self.ended = Lock()
        self.ended.acquire()

    def run(self) -> None:
        if self._is_abandoned:
            return  # it never began
        try:
            self._result = self._call()
        except BaseException as error:
            self._error = error
        if self._finish() and self._error is None and self._discard is not None:
            with suppress(Exception):  # nothing depends on it any more
                self._discard(cast(T, self._result))

    def _finish(self) -> bool:
        """Lets the caller continue; whether it has stopped waiting."""
        with self._guard:
            self._is_done = True
            is_abandoned = self._is_abandoned
        self.ended.release()
        return is_abandoned

    def abandon(self) -> bool:
        """Whether it has not ended; then its result goes to `discard`."""
        with self._guard:
            self._is_abandoned = not self._is_done
            return self._is_abandoned

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return cast(T, self._result)


class Workers:
    """At most `n_threads` daemon threads, started on first use. Thread-safe, and usable after a fork.

    A call that hangs keeps its thread. While all threads hang, further calls wait for their time-out, and beyond a
    limit they fail at once. The threads do not keep the process alive.
    """

    def __init__(self, n_threads: int, name: str) -> None:
        self._max_threads = n_threads
        self._name = name
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """The parent's threads and their calls do not exist here."""
        self._lock = Lock()
        self._jobs: SimpleQueue[_Job[object]] = SimpleQueue()
        # Guarded by _lock.
        self._n_threads = 0
        self._n_jobs = 0

    def run(self, call: Callable[[], T], seconds: float, discard: Callable[[T], object] | None = None) -> T:
        """Runs `call` on one of the threads, and returns its result.

        Args:
            discard: is given the result of a call that was abandoned, to close what it opened.

        Raises:
            TimeoutError: it did not end within `seconds`, or no thread was free.
            Whatever `call` raises.
        """
        job = _Job(call, discard)
        self._put(cast("_Job[object]", job), self._max_threads + _MAX_WAITING)
        try:
            has_ended = job.ended.acquire(timeout=max(0.0, seconds))
        except BaseException:  # of a signal
            job.abandon()
            raise
        if not has_ended and job.abandon():
            raise TimeoutError(f"not within {seconds:.3g} s")
        return job.result()

    def start(self, call: Callable[[], object]) -> bool:
        """Has `call` made in the background; False if all threads are busy. What it raises is dropped."""
        try:
            self._put(_Job(call, None), self._max_threads)
        except TimeoutError:
            return False
        return True

    def _put(self, job: _Job[object], max_jobs: int) -> None:
        with self._lock:
            if self._n_jobs >= max_jobs:
                raise TimeoutError("all threads are busy with calls that hang")
            self._n_jobs += 1
            jobs = self._jobs
            if self._n_threads < min(self._n_jobs, self._max_threads):
                thread = Thread(target=self._work, args=(jobs,), name=self._name, daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # the process ends, or may have no more threads
                    self._n_jobs -= 1
                    raise TimeoutError(f"no thread: {error}") from error
                self._n_threads += 1
        jobs.put(job)

    def _work(self, jobs: SimpleQueue[_Job[object]]) -> None:
        while True:
            job = jobs.get()
            job.run()
            del job  # not kept until the next one
            with self._lock:
                self._n_jobs -= 1
