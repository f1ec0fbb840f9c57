"""Guards every call of the store to its database: deadlines, retries, and a back-off while it is in trouble."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import TypeVar

from sched_cache.clock import SystemClock
from sched_cache.errors import StoreUnavailableError
from sched_cache.stats.counters import DatabaseCounters
from sched_cache.store.breaker import CLOSED, Breaker, Change
from sched_cache.store.budget import Budget
from sched_cache.store.sql.calls import Call, calls_of_process
from sched_cache.store.sql.failures import Failure, Retry, failure_of, mapped_errors
from sched_cache.store.trouble import Trouble

T = TypeVar("T")

logger = logging.getLogger("sched_cache.database")

_MIN_REST_SECONDS = 1.0
_MAX_REST_SECONDS = 5.0
_FAIR_SECONDS = 0.01
"""A database in a network answers within this time if nothing is wrong with it."""
_NOT_LEFT_ALONE = frozenset({Failure.BUSY, Failure.FORBIDDEN, Failure.READ_ONLY, Failure.FULL, Failure.OTHER})


class _Side:
    """Reads or writes: each has its own troubles, and a lock of a writer does not concern readers."""

    def __init__(self, timeout_seconds: float, verb: str) -> None:
        clock = SystemClock()
        self.verb = verb
        self.reason = ""
        self.kind: Failure | None = None  # of its last trouble
        self.breaker = Breaker(
            clock,
            Budget(clock, timeout_seconds),
            timeout_seconds=timeout_seconds,
            max_failures=1,
            min_open_seconds=_MIN_REST_SECONDS,
            max_open_seconds=_MAX_REST_SECONDS,
        )
        self.trouble = Trouble(clock, logger, f"the database can be {verb} again")

    def answered(self) -> None:
        self.breaker.succeeded(0.0, 0.0)

    def succeeded(self) -> None:
        self.breaker.succeeded(0.0, 0.0)
        if self.trouble.is_known:
            self.trouble.calm()


class Guard:
    """The guard of all calls of one store. Thread-safe, and usable after a fork.

    A call has `timeout_seconds` in total, including retries. A database that does not answer in that time, cannot be
    reached or has no usable tables is left alone for up to one second, doubled with each further failure up to five
    seconds: calls fail at once, and one call after each pause checks whether the database has recovered. A database
    that answers and refuses (a lock, a permission, a full disk) is asked every time.

    The log has one line when a trouble begins, and one when it is over.
    """

    def __init__(
        self, retry: Retry, timeout_seconds: float, counters: DatabaseCounters | None = None
    ) -> None:
        self._retry = retry
        self._timeout_seconds = timeout_seconds
        self._counters = counters or DatabaseCounters()
        self._reads, self._writes = _Side(timeout_seconds, "read"), _Side(timeout_seconds, "written")

    @property
    def is_left_alone(self) -> bool:
        """Whether reads fail without a query."""
        return self._reads.breaker.state != CLOSED

    def read(self, action: Callable[[Call], T]) -> T:
        """Runs `action`, which only reads and may be run again.

        Raises:
            StoreUnavailableError: it failed, or the database is left alone.
        """
        return self._run(action, self._reads)

    def write(self, action: Callable[[Call], T]) -> T:
        """Runs `action`, which may be run again. Raises like `read`."""
        return self._run(action, self._writes)

    def patiently(self, action: Callable[[Call], T], seconds: float) -> T:
        """Runs `action` for a waiting operator: with its own limit of `seconds`, regardless of earlier failures."""
        with calls_of_process().within(seconds) as call, _Noted(self, call, self._writes):
            answer = self._retry.run(partial(action, call), call)
        self._reads.succeeded()
        return answer

    @contextmanager
    def statement(self) -> Iterator[Call]:
        """A block in a transaction that is open already, with a deadline and without retries."""
        call = calls_of_process().within(self._timeout_seconds)
        with call, _Noted(self, call, self._writes), mapped_errors(call):
            yield call

    def _run(self, action: Callable[[Call], T], side: _Side) -> T:
        if not side.breaker.grant():
            self._counters.skipped += 1
            raise StoreUnavailableError(f"the database is left alone for a moment: {side.reason}")
        call = calls_of_process().within(self._timeout_seconds)
        with call:
            # The same as `_Noted`, for almost all calls.
            try:
                answer = self._retry.run(partial(action, call), call)
            except BaseException as error:
                self.ended(error, call, side)
                raise
            side.succeeded()
        return answer

    def ended(self, error: BaseException, call: Call, side: _Side) -> None:
        """Records a call that ended with `error`."""
        if isinstance(error, StoreUnavailableError):
            self._failed(error, call, side)
        else:
            # A bug of ours or of the caller, or an interrupt. The database may work: the next call shows.
            side.answered()

    def _failed(self, error: StoreUnavailableError, call: Call, side: _Side) -> None:
        kind = failure_of(error)
        if call.seconds < _FAIR_SECONDS and not call.seconds_left:
            return  # Another tier has used up the caller's time. Whether the database works is not known.
        if call.is_overdue:
            self._counters.overdue += 1
            if kind is not Failure.BUSY:
                kind = Failure.SILENT
        is_left_alone = kind not in _NOT_LEFT_ALONE or (kind is Failure.FORBIDDEN and side is self._reads)
        if is_left_alone:
            side.reason = str(error)
            if side.breaker.failed(0.0) is Change.OPENED:
                self._counters.left_alone += 1
        else:
            side.answered()
        if kind is Failure.BUSY:
            return  # This concerns single keys for a moment, and the caller is told.
        side.kind = kind
        side.trouble.seen()
        if (
            side is self._writes
            and self._reads.trouble.is_known
            and (is_left_alone or kind is self._reads.kind)
        ):
            return  # The same trouble, which is logged already.
        side.trouble.begin(
            f"the database cannot be {side.verb}: {error}. To do: {kind.value} (logged once, counted, and retried)"
        )


class _Noted:
    """A block after which `guard` knows how it ended."""

    __slots__ = ("_call", "_guard", "_side")

    def __init__(self, guard: Guard, call: Call, side: _Side) -> None:
        self._guard = guard
        self._call = call
        self._side = side

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._side.succeeded()
        else:
            self._guard.ended(error, self._call, self._side)
