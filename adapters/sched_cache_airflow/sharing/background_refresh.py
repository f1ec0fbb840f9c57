"""Loads changed DAGs before they are requested, in API servers and webservers.

Without it, the first request after a change would wait for the load, and the first request after
`max_staleness_seconds` for a query for changes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Lock, Thread

from sched_cache import fork

logger = logging.getLogger("sched_cache.airflow")

_LOOK_SECONDS = 0.1
_MIN_SECONDS = 0.5
_CLOSE_SECONDS = 0.5
_MAX_SHARE = 0.01
"""The share of a processor for queries that find no change. With thousands of DAGs, they are less frequent."""


class BackgroundRefresh:
    """One thread of a worker. Nothing depends on it: a request loads a DAG that is not loaded yet.

    Args:
        refresh: reloads the changed DAGs among those in memory; returns their number.
        n_learnt: increases with each announced change.
        max_staleness_seconds: the thread searches for unannounced changes twice in this time.
    """

    def __init__(
        self, refresh: Callable[[], int], n_learnt: Callable[[], int], max_staleness_seconds: float
    ) -> None:
        self._refresh = refresh
        self._n_learnt = n_learnt
        self._every_seconds = max(max_staleness_seconds / 2, _MIN_SECONDS)
        self._seen = -1
        self._refreshed_at = float("-inf")
        self._rest_seconds = 0.0
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """The child has no thread until it calls `start`."""
        self._lock = Lock()  # guards _thread
        self._thread: Thread | None = None
        self._stopped = Event()
        self.n_loaded = 0
        self.n_failed = 0

    def start(self) -> None:
        """Starts the thread, unless it has started."""
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="sched-cache-refresh", daemon=True)
                self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether this thread loads changes, so that a request need not do that."""
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """Ends the thread, or leaves it behind if a tier blocks it."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_SECONDS)

    def look(self) -> None:
        """Refreshes if there is a reason to. After an error, the next call tries again."""
        learnt, now = self._n_learnt(), time.monotonic()
        rested_seconds = now - self._refreshed_at
        if rested_seconds < (self._every_seconds if learnt == self._seen else 0.0):
            return
        if rested_seconds < self._rest_seconds:
            return  # during the pause, each request checks whether its DAG is current
        self._seen, self._refreshed_at = learnt, now
        begun = time.thread_time()
        try:
            n_loaded = self._refresh()
            self.n_loaded += n_loaded
            if not n_loaded:
                self._rest_seconds = (time.thread_time() - begun) / _MAX_SHARE
        except Exception as error:
            self.n_failed += 1
            if self.n_failed == 1:
                logger.info("could not refresh in the background: %s (logged once)", error)

    def _run(self) -> None:
        stopped = self._stopped
        while not stopped.wait(_LOOK_SECONDS):
            self.look()
