"""What one thread of a process does now and then for all of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.util import Finalize
from threading import Event, Lock, Thread

from sched_cache import fork
from sched_cache.errors import SchedCacheError
from sched_cache_airflow.hold import hold

logger = logging.getLogger("sched_cache.airflow")

_POLL_SECONDS = 5.0
_SWEEP_SECONDS = 60.0
_LAST_SECONDS = 1.0


class Upkeep:
    """Publishes what was written, acknowledges what schedulers have, and sweeps out what was removed.

    Whoever commits a write wakes the thread of its own process, which publishes at once. A process that was forked for
    one piece of work, as Airflow 2.11 does to parse a file, waits a moment for that when it ends. Each scheduler looks
    every few seconds after what was left behind: by a process that died or has no thread, or by a trigger.
    """

    def __init__(
        self,
        prepare: Callable[[], object],
        publish_written: Callable[[bool], object],
        sweep: Callable[[], object],
        acknowledge: Callable[[], object],
    ) -> None:
        self._prepare = prepare
        self._publish_written = publish_written
        self._sweep = sweep
        self._acknowledge = acknowledge
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
        self._is_waited_for = False
        self._schedules = False
        self._swept_at = time.monotonic()

    def start(self) -> None:
        """Begins the rounds of a scheduler. Cheap when they have begun."""
        if not self._schedules:
            self._schedules = True
            self._start_thread()

    def wake(self) -> None:
        """Has what was written published now."""
        self._idle.clear()
        self._woken.set()
        self._start_thread()
        if not self._is_waited_for and parent_process() is not None:
            self._is_waited_for = True
            Finalize(None, self._idle.wait, args=(_LAST_SECONDS,), exitpriority=10)

    def close(self) -> None:
        """Ends the thread."""
        self._stopped.set()
        self._woken.set()
        thread = self._thread
        if thread is not None:
            thread.join()

    def round(self, *, is_woken: bool) -> None:
        """One round. Errors of the tiers are left for the next one.

        Args:
            is_woken: this process has just written; else only what an earlier round has seen already is taken.
        """
        if hold.reason:
            return
        try:
            if not self._is_prepared:
                self._prepare()
                self._is_prepared = True
            self._publish_written(is_woken)
            if self._schedules:
                self._acknowledge()
                if time.monotonic() - self._swept_at >= _SWEEP_SECONDS:
                    self._swept_at = time.monotonic()
                    self._sweep()
        except SchedCacheError as error:
            logger.info("upkeep has to wait: %s", error)
        except Exception:
            logger.exception("upkeep failed")

    def _start_thread(self) -> None:
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None and not self._stopped.is_set():
                self._thread = Thread(target=self._run, name="sched-cache-upkeep", daemon=True)
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
