"""Writes what this process has encoded to the shared tiers, behind the scheduler's back."""

from __future__ import annotations

import logging
import time
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from sched_cache import fork
from sched_cache.dag_cache import DagCache
from sched_cache.errors import SchedCacheError
from sched_cache.format import EncodedDag

logger = logging.getLogger("sched_cache.airflow")

_MAX_WAITING = 256
_IDLE_SECONDS = 10.0


class Publisher:
    """One thread while there is something to write. Never blocks who submits, and drops what it cannot keep.

    A write in the caller's thread could wait for a lock that the caller's own transaction holds (on SQLite it
    surely would). What is dropped is encoded again by whoever needs it next.
    """

    def __init__(self, cache: DagCache) -> None:
        self._cache = cache
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """The parent writes what the parent has encoded."""
        self._lock = Lock()  # guards _thread and _n_waiting
        self._waiting: SimpleQueue[tuple[str, EncodedDag]] = SimpleQueue()
        self._thread: Thread | None = None
        self._n_waiting = 0
        self.n_published = 0
        self.n_dropped = 0

    def submit(self, key: str, encoded: EncodedDag) -> None:
        """Has `encoded` published under `key`, soon or never."""
        with self._lock:
            if self._n_waiting >= _MAX_WAITING:
                self.n_dropped += 1
                return
            self._n_waiting += 1
            self._waiting.put((key, encoded))
            if self._thread is None:
                self._thread = Thread(target=self._run, name="sched-cache-publisher", daemon=True)
                self._thread.start()

    def drain(self, timeout_seconds: float) -> bool:
        """Whether everything submitted so far was dealt with within the time."""
        end = time.monotonic() + timeout_seconds
        while self._n_waiting and time.monotonic() < end:
            time.sleep(0.005)
        return not self._n_waiting

    def _run(self) -> None:
        while True:
            try:
                key, encoded = self._waiting.get(timeout=_IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if self._n_waiting:
                        continue
                    self._thread = None
                    return
            try:
                self._cache.publish(key, encoded)
                self.n_published += 1
            except SchedCacheError as error:
                self.n_dropped += 1
                logger.info("did not publish %s: %s", key, error)
            except Exception:
                self.n_dropped += 1
                logger.exception("did not publish %s", key)
            finally:
                with self._lock:
                    self._n_waiting -= 1
