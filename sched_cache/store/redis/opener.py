"""Creates clients without making callers wait until a cluster has described itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillOpening
from threading import Lock, Thread

from redis.exceptions import TimeoutError as RedisTimeoutError

from sched_cache.config import RedisUrl
from sched_cache.config.redis_url import Topology
from sched_cache.store.redis.client import open_client
from sched_cache.store.redis.commands import Client
from sched_cache.store.redis.deadline import remaining_seconds, start_call

_MAX_BYTES = 1 << 24
"""The limit of a cluster's description of itself."""

OpenClient = Callable[[RedisUrl, float, int], Client]
"""`open_client`, or its replacement in a test."""


class Opener:
    """Creates the client of a URL. Thread-safe.

    The client of a cluster first reads the nodes of the cluster and the commands of the server, which takes too long
    for a call. Therefore a thread does it. A caller waits for the client until its deadline; a later call finds it.
    """

    def __init__(self, url: RedisUrl, timeout_seconds: float, open_one: OpenClient = open_client) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._open_one = open_one
        self._n_attempts = 0
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """The parent's thread does not exist here."""
        self._lock = Lock()
        self._opening: Future[Client] | None = None  # guarded by _lock

    def open(self) -> Client:
        """A new client.

        Raises:
            The errors of `open_client`, or redis.TimeoutError.
        """
        if self._url.topology is not Topology.CLUSTER:
            return self._open_one(self._url, self._timeout_seconds, 0)
        with self._lock:
            opening = self._opening
            if opening is None:
                opening = Future()
                thread = Thread(target=self._run, args=(opening,), name="sched-cache-opener", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # the process ends, or may have no more threads
                    raise RedisTimeoutError(f"no thread: {error}") from error
                self._opening = opening
        try:
            client = opening.result(remaining_seconds())
        except StillOpening:
            raise RedisTimeoutError("the cluster did not describe itself in time") from None
        finally:
            with self._lock:
                if opening.done() and self._opening is opening:
                    self._opening = None
        return client

    def _run(self, opening: Future[Client]) -> None:
        attempt = self._n_attempts
        self._n_attempts += 1
        start_call(max(20 * self._timeout_seconds, 1.0), _MAX_BYTES)
        try:
            opening.set_result(self._open_one(self._url, self._timeout_seconds, attempt))
        except BaseException as error:  # passed to the waiting callers
            opening.set_exception(error)
