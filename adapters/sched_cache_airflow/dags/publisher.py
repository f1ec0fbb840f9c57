"""Writes the contents that this process has encoded to the shared tiers, in the background."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import NamedTuple

from sched_cache import fork
from sched_cache.dag_cache import DagCache
from sched_cache.errors import PublishConflictError, SchedCacheError
from sched_cache.format import EncodedDag

logger = logging.getLogger("sched_cache.airflow")

_MAX_WAITING = 256
_IDLE_SECONDS = 10.0


class _Submitted(NamedTuple):
    key: str
    encoded: EncodedDag
    token: int
    is_current: Callable[[], bool]


class Publisher:
    """Runs one thread while there is something to write. Never blocks the caller; drops contents that do not fit.

    A write in the caller's thread could wait for a lock that the caller's own transaction holds (on SQLite it
    would always). A dropped content is encoded again by the next process that needs it.
    """

    def __init__(self, cache: DagCache) -> None:
        self._cache = cache
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Empties the queue of the child, because the parent writes what it has encoded."""
        self._lock = Lock()  # guards _thread and _n_waiting
        self._waiting: SimpleQueue[_Submitted] = SimpleQueue()
        self._thread: Thread | None = None
        self._n_waiting = 0
        self.n_published = 0
        self.n_dropped = 0

    def submit(
        self, key: str, encoded: EncodedDag, token: int = 0, is_current: Callable[[], bool] = lambda: True
    ) -> None:
        """Lets the thread publish `encoded` under `key`, unless something newer may have been published.

        That is the case if anything was published under this key after the content was read.

        Args:
            token: the sequence of the last publication of `key` that was known before the content was read. 0,
                for content of unknown age: it is published only if nothing was ever published under this key.
            is_current: whether the host still has this content. It is called after the token was read, because a
                content from the snapshot of a transaction may be older than the token.
        """
        with self._lock:
            if self._n_waiting >= _MAX_WAITING:
                self.n_dropped += 1
                return
            self._n_waiting += 1
            self._waiting.put(_Submitted(key, encoded, token, is_current))
            if self._thread is None:
                self._thread = Thread(target=self._run, name="sched-cache-publisher", daemon=True)
                self._thread.start()

    def drain(self, timeout_seconds: float) -> bool:
        """Waits for everything submitted so far; whether it was done within the time."""
        end = time.monotonic() + timeout_seconds
        while self._n_waiting and time.monotonic() < end:
            time.sleep(0.005)
        return not self._n_waiting

    def _run(self) -> None:
        while True:
            try:
                submitted = self._waiting.get(timeout=_IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if self._n_waiting:
                        continue
                    self._thread = None
                    return
            try:
                self._publish(submitted)
            except PublishConflictError:
                pass  # another process was first; `database.conflicts` counts it
            except SchedCacheError as error:
                self.n_dropped += 1
                logger.info("did not publish %s: %s", submitted.key, error)
            except Exception:
                self.n_dropped += 1
                logger.exception("did not publish %s", submitted.key)
            finally:
                with self._lock:
                    self._n_waiting -= 1

    def _publish(self, submitted: _Submitted) -> None:
        if submitted.is_current():
            self._cache.publish(submitted.key, submitted.encoded, token=submitted.token)
            self.n_published += 1
