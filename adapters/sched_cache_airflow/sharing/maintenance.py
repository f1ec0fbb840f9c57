"""The periodic work of a process, which one thread does."""

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
    """Publishes written contents, acknowledges the contents that schedulers have, and sweeps removed ones.

    A commit wakes the thread of its own process, which publishes at once. A process that was forked for one task, such
    as parsing a file in Airflow 2.11, waits a moment for that when it ends. Every few seconds, each scheduler handles
    the rows that are left by processes that have died or have no thread, and by triggers.

    Args:
        publish_written: publishes the versions in the table of written versions.
        publish_named: publishes the version of one name that was given to `wake`.
        look: called in each round of a scheduler, before everything else; it does not raise.
    """

    def __init__(
        self,
        prepare: Callable[[], object],
        publish_written: Callable[[bool], object],
        sweep: Callable[[], object],
        acknowledge: Callable[[], object],
        publish_named: Callable[[str], object] | None = None,
        look: Callable[[], object] = lambda: None,
    ) -> None:
        self._prepare = prepare
        self._publish_written = publish_written
        self._sweep = sweep
        self._acknowledge = acknowledge
        self._publish_named = publish_named
        self._look = look
        self._is_prepared = False
        self._schedules = False
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """The parent does this work for its children."""
        self._lock = Lock()  # guards _thread
        self._thread: Thread | None = None
        self._woken = Event()
        self._stopped = Event()
        self._idle = Event()
        self._said: set[type[Exception]] = set()
        # Any thread adds names, ours takes them. If there are too many, the oldest ones are dropped; the comparison of
        # hashes finds their contents.
        self._names: deque[str] = deque(maxlen=_MAX_NAMES)
        self._is_waited_for = False
        self._schedules = False
        self._swept_at = time.monotonic()

    def start(self) -> None:
        """Starts the rounds of a scheduler. Cheap if they have started."""
        if not self._schedules:
            self._schedules = True
            self._start_thread()

    def wake(self, *names: str) -> None:
        """Lets the thread publish now: the written versions, and those with these names."""
        self._names.extend(names)
        self._idle.clear()
        self._woken.set()
        self._start_thread()
        if not self._is_waited_for and parent_process() is not None:
            self._is_waited_for = True
            Finalize(None, self._idle.wait, args=(_LAST_SECONDS,), exitpriority=10)

    def close(self) -> None:
        """Ends the thread, or leaves it behind if a tier blocks it."""
        self._stopped.set()
        self._woken.set()
        thread = self._thread
        if thread is not None:
            thread.join(_CLOSE_SECONDS)

    def round(self, *, is_woken: bool) -> None:
        """One round. After an error of a tier, the next round tries again.

        Args:
            is_woken: this process has just written. Otherwise, the round takes only rows that the previous one saw.
        """
        if self._schedules:
            self._look()
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
            self._is_prepared = False  # A table may have been dropped; preparing creates it again.
            self._note(error)

    def _publish_names(self) -> None:
        publish = self._publish_named
        while self._names and publish is not None:
            # Removed before publishing, because a newer content that is committed meanwhile adds the name again.
            name = self._names.popleft()
            try:
                publish(name)
            except (SchedCacheError, SQLAlchemyError):
                self._names.append(name)
                raise

    def _note(self, error: Exception) -> None:
        """Logs each kind of error once, until a round succeeds."""
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
