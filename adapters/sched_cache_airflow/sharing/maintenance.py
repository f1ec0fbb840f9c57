"""Periodic work that one thread of a process does for all of them."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.util import Finalize
from threading import Event, Lock, Thread

from sqlalchemy.exc import SQLAlchemyError

from sched_cache import fork
from sched_cache.errors import SchedCacheError
from sched_cache_airflow.settings.hold import hold

logger = logging.getLogger("sched_cache.airflow")

_POLL_SECONDS = 5.0
_SWEEP_SECONDS = 60.0
_LAST_SECONDS = 0.5
_CLOSE_SECONDS = 0.5
_MAX_NAMES = 10_000


class Maintenance:
    """Publishes what was written, acknowledges what schedulers have, and sweeps out what was removed.

    A commit wakes the thread of its own process, which publishes at once. A process that was forked for one piece of
    work, as Airflow 2.11 does to parse a file, waits a moment for that when it ends. Each scheduler looks every few
    seconds after what was left behind: by a process that died or has no thread, or by a trigger.

    Args:
        publish_written: what the rows of the table of written versions name.
        publish_named: what one name says that was given to `wake`.
    """

    def __init__(
        self,
        prepare: Callable[[], object],
        publish_written: Callable[[bool], object],
        sweep: Callable[[], object],
        acknowledge: Callable[[], object],
        publish_named: Callable[[str], object] | None = None,
    ) -> None:
        self._prepare = prepare
        self._publish_written = publish_written
        self._sweep = sweep
        self._acknowledge = acknowledge
        self._publish_named = publish_named
        self._is_prepared = False
        self._schedules = False
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """The parent does it for its children."""
        self._lock = Lock()  # guards _thread
        self._thread: Thread | None = None
        self._woken = Event()
        self._stopped = Event()
        self._idle = Event()
        self._said: set[type[Exception]] = set()
        # Added to by any thread, taken from by ours. The oldest go first; the comparison of hashes finds those.
        self._names: deque[str] = deque(maxlen=_MAX_NAMES)
        self._is_waited_for = False
        self._schedules = False
        self._swept_at = time.monotonic()

    def start(self) -> None:
        """Begins the rounds of a scheduler. Cheap when they have begun."""
        if not self._schedules:
            self._schedules = True
            self._start_thread()

    def wake(self, *names: str) -> None:
        """Has what was written published now, and what these name."""
        self._names.extend(names)
        self._idle.clear()
        self._woken.set()
        self._start_thread()
        if not self._is_waited_for and parent_process() is not None:
            self._is_waited_for = True
            Finalize(None, self._idle.wait, args=(_LAST_SECONDS,), exitpriority=10)

    def close(self) -> None:
        """Ends the thread, which is left alone if a tier holds it up."""
        self._stopped.set()
        self._woken.set()
        thread = self._thread
        if thread is not None:
            thread.join(_CLOSE_SECONDS)

    def round(self, *, is_woken: bool) -> None:
        """One round. Errors of the tiers are left for the next one.

        Args:
            is_woken: this process has just written; else only what an earlier round has seen already is taken.
        """
        if hold.reason:
            return
        try:
            self._publish_names()
            if not self._is_prepared:
                self._prepare()
                self._is_prepared = True
            self._publish_written(is_woken)
            if self._schedules:
                self._acknowledge()
                if time.monotonic() - self._swept_at >= _SWEEP_SECONDS:
                    self._swept_at = time.monotonic()
                    self._sweep()
            if self._said:
                self._said = set()
                logger.info("maintenance goes on")
        except Exception as error:
            self._is_prepared = False  # Perhaps a table is gone, and is made again.
            self._note(error)

    def _publish_names(self) -> None:
        publish = self._publish_named
        while self._names and publish is not None:
            # Taken first: a newer content that is committed meanwhile adds the name again.
            name = self._names.popleft()
            try:
                publish(name)
            except (SchedCacheError, SQLAlchemyError):
                self._names.append(name)
                raise

    def _note(self, error: Exception) -> None:
        """Says each kind of error once, until a round goes well."""
        if type(error) in self._said:
            return
        self._said.add(type(error))
        if isinstance(error, SchedCacheError):
            logger.info("maintenance has to wait: %s (said once, until it goes on)", error)
        else:
            logger.warning(
                "maintenance failed, and is tried again (said once, until it goes on)", exc_info=error
            )

    def _start_thread(self) -> None:
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None and not self._stopped.is_set():
                self._thread = Thread(target=self._run, name="sched-cache-maintenance", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        stopped, woken = self._stopped, self._woken
        while not stopped.is_set():
            is_woken = woken.wait(_POLL_SECONDS)
            woken.clear()
            if not stopped.is_set():
                self.round(is_woken=is_woken)
            if not woken.is_set():
                self._idle.set()
