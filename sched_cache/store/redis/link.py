"""The way to Redis: every command goes through `Link.run`, which knows when not to bother."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from redis.exceptions import ClusterDownError, RedisClusterException, RedisError, ResponseError

from sched_cache import fork
from sched_cache.config import RedisUrl
from sched_cache.errors import RedisUnavailableError
from sched_cache.stats import RedisCounters
from sched_cache.store.redis.breaker import Breaker
from sched_cache.store.redis.client import Client, close_client, open_client
from sched_cache.store.redis.deadline import start_call
from sched_cache.store.redis.opener import OpenClient, Opener

T = TypeVar("T")

logger = logging.getLogger("sched_cache.redis")

_MAX_REASON = 200

# ValueError: redis-py met a number that is none, so whatever answers there is not Redis.
FAILURES = (RedisError, RedisClusterException, OSError, ValueError)


class Link:
    """The client, made when first needed, behind the breaker. Safe for threads and after a fork."""

    def __init__(
        self,
        url: RedisUrl,
        timeout_seconds: float,
        breaker: Breaker,
        counters: RedisCounters,
        open_one: OpenClient = open_client,
    ) -> None:
        self.breaker = breaker
        self._timeout_seconds = timeout_seconds
        self._counters = counters
        self._opener = Opener(url, timeout_seconds, open_one)
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Lets go of the parent's client: two processes cannot speak through one socket."""
        self._lock = Lock()
        self._client: Client | None = None  # guarded by _lock for writing
        self._opener.reset_after_fork()

    def run(self, command: Callable[[Client], T]) -> T:
        """What `command` returns for the client. Takes at most the timeout, connecting included.

        Raises:
            RedisUnavailableError: no answer, a refusal, nonsense, or the breaker is open.
        """
        if not self.breaker.allow():
            self._counters.skipped += 1
            raise RedisUnavailableError("Redis is left alone for a while after failures")
        start_call(self._timeout_seconds)
        try:
            reply = command(self._client or self._connect())
        except FAILURES as error:
            self._counters.errors += 1
            if isinstance(error, ResponseError) and not isinstance(error, ClusterDownError):
                # It is there, and says no: out of memory, read-only, not permitted. Reads may still work.
                self._note_success()
            else:
                self._note_failure(error)
            raise RedisUnavailableError(_reason(error)) from error
        self._note_success()
        return reply

    def connect(self) -> Client:
        """The client, for a connection that lives outside of `run`.

        Raises:
            RedisUnavailableError: a cluster did not describe itself.
        """
        start_call(self._timeout_seconds)
        try:
            return self._client or self._connect()
        except FAILURES as error:
            raise RedisUnavailableError(_reason(error)) from error

    def close(self) -> None:
        """Ends all connections, also those in use. A later command opens new ones."""
        client = self._abandon()
        if client is not None:
            close_client(client)

    def _connect(self) -> Client:
        client = self._opener.open()
        with self._lock:
            if self._client is None:
                self._client = client
            return self._client

    def _abandon(self) -> Client | None:
        """Lets go of the client. Calls that are under way end on it; its sockets are closed with the last."""
        with self._lock:
            client, self._client = self._client, None
        return client

    def _note_success(self) -> None:
        if self.breaker.succeeded():
            logger.info("Redis answers again")

    def _note_failure(self, error: Exception) -> None:
        if self.breaker.failed():
            self._counters.breaker_opened += 1
            logger.warning(
                "Redis does not answer (%s); contents come from the database until it does", _reason(error)
            )
            # The probe starts afresh: sockets may be half dead, and the cluster may be another one by then.
            self._abandon()


def _reason(error: Exception) -> str:
    """One line; redis-py's own may be long, with every setting of every sentinel."""
    text = f"{type(error).__name__}: {error}"
    return text if len(text) <= _MAX_REASON else text[:_MAX_REASON] + "..."
