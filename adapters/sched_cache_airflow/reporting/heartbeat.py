"""The periodic report of a process of the host: one small write every few seconds, in a thread of its own.

No other thread waits for it, and nothing depends on it. A failed write is counted, and repeated at the next beat.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Any
from uuid import uuid4

from sched_cache import fork
from sched_cache.store.sql.processes import Processes, ProcessReport

logger = logging.getLogger("sched_cache.airflow")

# The first report is delayed, so that it does not slow down the start of the process.
_FIRST_SECONDS = 1.0
_START_SECONDS = 1.0
_FORGET_SECONDS = 86_400.0
_BEATS_PER_CLEANING = 360
# A process that ends waits this long for its last report, so that a hanging database cannot keep it.
_STOP_SECONDS = 0.5


class Heartbeat:
    """The reports of one process, from `start` to `stop`. A forked child has none, because it has no such thread.

    n_failed: reports that could not be written.
    """

    def __init__(
        self,
        processes: Processes,
        facts: Callable[[], Mapping[str, Any]],
        every_seconds: float,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Args:
            before: called before each report, and once when the reports begin; it does not raise.
        """
        self.n_failed = 0
        self._processes = processes
        self._facts = facts
        self._before = before
        self._every_seconds = every_seconds
        self._key = uuid4().hex
        self._owner = os.getpid()
        self._ending = Event()
        self._has_begun = Event()
        self._thread = Thread(target=self._run, name="sched-cache-heartbeat", daemon=True)

    def start(self) -> None:
        """Starts the reports. Waits a moment for the first call of `before`, whose database may hang."""
        self._thread.start()
        self._has_begun.wait(_START_SECONDS)

    def stop(self, timeout_seconds: float = _STOP_SECONDS) -> None:
        """Ends the reports. Removes the last one, or lets it expire if the database does not answer in time."""
        if os.getpid() != self._owner or self._ending.is_set():
            return
        self._ending.set()
        self._thread.join(timeout_seconds)

    def beat(self) -> bool:
        """Writes one report; whether that went well."""
        try:
            with fork.held_off():  # finding the name of the host uses the resolver
                facts = self._facts()
            self._processes.put(ProcessReport(self._key, facts))
        except Exception as error:
            self._note(error)
            return False
        return True

    def _run(self) -> None:
        n_beats, wait_seconds = 0, min(_FIRST_SECONDS, self._every_seconds)
        self._before()
        self._has_begun.set()
        while not self._ending.wait(wait_seconds):
            wait_seconds = self._every_seconds
            if n_beats:
                self._before()
            if self.beat() and n_beats % _BEATS_PER_CLEANING == 0:
                self._try(lambda: self._processes.forget_silent(_FORGET_SECONDS))
            n_beats += 1
        if n_beats:
            self._try(lambda: self._processes.remove(self._key))

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            self._note(error)

    def _note(self, error: Exception) -> None:
        self.n_failed += 1
        if self.n_failed == 1:
            logger.info("could not report on this process: %s (logged once; counted from now on)", error)
