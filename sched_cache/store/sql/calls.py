"""Calls to the database in progress in this process, each of which ends at its deadline.

No driver limits a call as a whole: psycopg2 waits for an answer without a limit, PyMySQL as long as a packet arrives
now and then. Here the calling thread talks to the database itself, and one thread of the process watches all calls: at
a deadline it asks the server to stop, and a moment later it shuts the connection down, which makes the driver return
with an error. A call that is answered in time costs an entry in a set and a read of the clock.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from sched_cache import fork
from sched_cache.store.sql.line import Line
from sched_cache.store.sql.slow_threads import slow_threads

if TYPE_CHECKING:
    from typing_extensions import Self

_GRACE_SECONDS = 0.05
"""The time between the request to stop and the end of the connection, and between checks of a call without one."""


class Call:
    """One call, as a context manager."""

    __slots__ = ("_calls", "_line", "_outer", "_was_asked", "acts_at", "ends_at", "is_overdue", "seconds")

    def __init__(self, calls: Calls, seconds: float, ends_at: float) -> None:
        self._calls = calls
        self.seconds = seconds
        """The time that the call was given."""
        self.ends_at = ends_at
        """By the monotonic clock."""
        self.acts_at = ends_at
        self.is_overdue = False
        """Whether the deadline came before the answer, so that the connection of the call is broken."""
        self._line: Line | None = None
        self._was_asked = False
        self._outer: Call | None = None

    def __enter__(self) -> Self:
        self._outer = self._calls.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._calls.end(self, self._outer)

    @property
    def seconds_left(self) -> float:
        """At least 0."""
        return max(0.0, self.ends_at - self._calls.monotonic())

    def uses(self, line: Line | None) -> None:
        """From now on, the deadline ends waits on `line`; None: it ends no wait."""
        if line is not self._line:  # which no other thread sets
            with self._calls.lock:
                self._line = line

    def act(self, now: float) -> None:
        """Called at `acts_at`, under the lock of `Calls`."""
        self.is_overdue = True
        self.acts_at = now + _GRACE_SECONDS
        line = self._line
        if line is None:
            return
        if self._was_asked or not line.can_be_asked or not slow_threads().start(line.ask_to_stop):
            line.cut()
        self._was_asked = True


class Calls:
    """The calls of one process. Thread-safe; a forked child begins with none."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Forgets the calls of the parent."""
        self.lock = threading.Lock()
        # Guarded by lock.
        self._active: set[Call] = set()
        self._wakes_at = math.inf
        self._thread: threading.Thread | None = None
        self._woken = threading.Event()
        self._of_thread = threading.local()

    @property
    def current(self) -> Call | None:
        """The innermost call of this thread."""
        return getattr(self._of_thread, "call", None)

    def within(self, seconds: float) -> Call:
        """A call that ends in `seconds`, or with the call around it if that is sooner."""
        now = self.monotonic()
        outer = self.current
        if outer is not None:
            seconds = min(seconds, outer.ends_at - now)
        return Call(self, seconds, now + seconds)

    def begin(self, call: Call) -> Call | None:
        """Watches `call` from now on; returns the call around it."""
        outer = self.current
        self._of_thread.call = call
        with self.lock:
            self._active.add(call)
            if call.acts_at < self._wakes_at:
                self._wakes_at = call.acts_at
                if self._thread is None:
                    # A daemon, so that the process can end regardless of the database.
                    self._thread = threading.Thread(
                        target=self._look_after, name="sched-cache-deadlines", daemon=True
                    )
                    self._thread.start()
                else:
                    self._woken.set()
        return outer

    def end(self, call: Call, outer: Call | None) -> None:
        """Returns once the deadline of `call` cannot break a connection any more."""
        self._of_thread.call = outer
        with self.lock:
            self._active.discard(call)

    def _look_after(self) -> None:
        woken = self._woken
        while True:
            with self.lock:
                woken.clear()
                now = self.monotonic()
                # No deadline is sooner. Of calls that ended before theirs only the first is noticed, and that when
                # its deadline comes: a thread that looked after each call would cost every call a switch to it.
                if self._wakes_at <= now:
                    for call in self._active:
                        if call.acts_at <= now:
                            call.act(now)
                    self._wakes_at = min((call.acts_at for call in self._active), default=math.inf)
                seconds = self._wakes_at - now
            woken.wait(None if math.isinf(seconds) else max(0.0, seconds))


_calls: Calls | None = None
_making = threading.Lock()


def calls_of_process() -> Calls:
    """The object that watches all calls of this process; created on first use."""
    global _calls
    if _calls is None:
        with _making:
            _calls = _calls or Calls()
    return _calls
