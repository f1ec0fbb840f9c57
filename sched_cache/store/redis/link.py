"""The link to Redis: every command goes through `Link`, which limits it and leaves a failing Redis alone."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import TypeVar

from redis.exceptions import RedisClusterException, RedisError, ResponseError

from sched_cache import fork
from sched_cache.clock import Clock
from sched_cache.config import Config, parse_redis_url
from sched_cache.errors import RedisUnavailableError
from sched_cache.stats import RedisCounters
from sched_cache.store.breaker import CLOSED, Breaker, Change
from sched_cache.store.budget import Budget
from sched_cache.store.cost import Cost
from sched_cache.store.redis.client import close_client, open_client
from sched_cache.store.redis.commands import Client
from sched_cache.store.redis.deadline import bytes_read, start_call
from sched_cache.store.redis.gate import Gate
from sched_cache.store.redis.opener import OpenClient, Opener
from sched_cache.store.redis.refusal import refusal_of, words_of
from sched_cache.store.trouble import Trouble
from sched_cache.store.workers import Workers

T = TypeVar("T")

logger = logging.getLogger("sched_cache.redis")

_MAX_REASON = 200
_PROBES = 3
_SLACK_BYTES = 1 << 20

# The last ones: what redis-py makes of an answer that is none. Whatever sends it is not Redis.
FAILURES = (
    *(RedisError, RedisClusterException, OSError),
    *(ValueError, TypeError, LookupError, AttributeError, RecursionError, MemoryError),
)


class AnswerTooLongError(RedisUnavailableError):
    """An answer exceeded the largest possible part. The tier works; another program wrote the value."""


class Link:
    """The client, created on first use, behind a breaker. Thread-safe, and usable after a fork.

    Reads that get no answer, are refused, or are slower than the database open the breaker. Commands that a server may
    refuse while it still answers reads have gates of their own: one for puts, and one for messages.

    Args:
        budget: the time that may be lost to a Redis in trouble, shared with other tiers or not.
        probe_key: a key that the user of the URL may read; it need not exist.
    """

    def __init__(
        self,
        config: Config,
        clock: Clock,
        counters: RedisCounters,
        budget: Budget,
        source: random.Random | None = None,
        open_one: OpenClient = open_client,
        probe_key: str = "probe",
    ) -> None:
        assert config.redis_url is not None, "without a URL there is NoRedis"
        self.breaker = Breaker(
            clock,
            budget,
            timeout_seconds=config.redis_timeout_seconds,
            max_failures=config.redis_breaker_failures,
            min_open_seconds=config.redis_breaker_min_seconds,
            max_open_seconds=max(config.redis_breaker_min_seconds, config.redis_breaker_max_seconds),
            source=source,
            prober=self._start_probe,
        )
        self.cost = Cost()
        self.puts = Gate(
            clock,
            logger,
            "Redis refuses writes; what it does not have comes from the database",
            "Redis takes writes again",
        )
        self.messages = Gate(
            clock,
            logger,
            "Redis refuses messages; publications are noticed by certifying, up to a moment later",
            "Redis takes messages again",
        )
        self._timeout_seconds = config.redis_timeout_seconds
        self._max_bytes = config.max_content_bytes + _SLACK_BYTES
        self._probe_key = probe_key
        self._counters = counters
        self._trouble = Trouble(clock, logger, "Redis answers again")
        self._opener = Opener(parse_redis_url(config.redis_url), config.redis_timeout_seconds, open_one)
        self._workers = Workers(1, "sched-cache-redis")
        # Kept in a child: when redis-py frees a client, it takes locks that may be held for ever.
        self._clients_of_parents: list[Client] = []
        self._client: Client | None = None
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Drops the client of the parent: two processes cannot share a socket."""
        self._lock = Lock()
        if self._client is not None:
            self._clients_of_parents.append(self._client)
        self._client = None  # guarded by _lock for writing
        self._opener.reset_after_fork()

    def run(self, command: Callable[[Client], T], n_parts: int = 1, gate: Gate | None = None) -> T:
        """The result of `command` for the client.

        Takes at most the time-out and the rest of the budget, including the connection.

        Args:
            n_parts: the number of parts sent or requested, to compare with the time of the database for them.
            gate: the gate of commands that the server may refuse separately; None for reads.

        Raises:
            RedisUnavailableError: no answer, a refusal, an invalid answer, or Redis is left alone for a while.
            AnswerTooLongError: the answer was abandoned.
        """
        if gate is not None and not gate.is_open():
            self._counters.skipped += 1
            raise RedisUnavailableError("Redis is not asked for this for a while after it refused")
        seconds = self.breaker.grant()
        if not seconds:
            self._counters.skipped += 1
            raise RedisUnavailableError("Redis is left alone for a while after failures")
        started = start_call(seconds, self._max_bytes)
        try:
            reply = command(self._client or self._connect())
        except FAILURES as error:
            raise self._failed(error, min(time.monotonic() - started, seconds), gate) from error
        # No call waits longer than `seconds`: this machine took the time beyond that.
        self._answered(min(time.monotonic() - started, seconds), n_parts)
        if gate is not None:
            gate.taken()
        return reply

    def connect(self) -> Client:
        """The client, for a connection that exists outside of `run`.

        Raises:
            RedisUnavailableError: a cluster did not describe itself.
        """
        start_call(self._timeout_seconds)
        try:
            return self._client or self._connect()
        except FAILURES as error:
            raise RedisUnavailableError(reason_of(error)) from error

    def later(self, command: Callable[[Client], object]) -> None:
        """Runs `command` in the background if there is a thread for it. Its result is not reported."""

        def run() -> None:
            with suppress(RedisUnavailableError):
                self.run(command)

        self._workers.start(run)

    def distrust(self, n_damaged: int, drop: Callable[[Client], object]) -> None:
        """Leaves Redis alone for a while after an answer in which all of `n_damaged` values were damaged.

        `drop` removes these values in the background, so that a Redis with damaged values recovers.
        """

        def run() -> None:
            with suppress(*FAILURES):
                start_call(self._timeout_seconds, self._max_bytes)
                drop(self._client or self._connect())

        self._workers.start(run)
        self._trouble.seen()
        if self.breaker.distrusted() is Change.OPENED:
            self._counters.breaker_opened += 1
            self._trouble.begin(
                f"Redis returns values that do not match their keys (all {n_damaged} of one answer); they are removed, "
                "and contents come from the database for a while. What to do: find out which other program writes "
                "keys of this namespace, or what answers in place of Redis"
            )

    def look_after(self) -> None:
        """Checks whether a Redis that is left alone works again, also while no content is requested.

        Called by a thread about every second; does not wait. Without trouble, it only reads two attributes.
        """
        if self.breaker.state != CLOSED:
            self.breaker.grant()  # starts a probe when the back-off is over
        elif self._trouble.is_known:
            self._trouble.calm()

    def close(self) -> None:
        """Closes all connections, including those in use. A later command opens new ones."""
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
        """Drops the client. Calls in progress end on it; its sockets are closed with the last of them."""
        with self._lock:
            client, self._client = self._client, None
        return client

    def _answered(self, seconds: float, n_parts: int) -> None:
        if self.breaker.succeeded(seconds, self.cost.of(n_parts)) is Change.OPENED:
            # This machine may have been busy for a moment. The probe decides, and logs the result.
            self._counters.breaker_opened += 1
        elif self._trouble.is_known:
            self._trouble.calm()

    def _failed(self, error: Exception, seconds: float, gate: Gate | None) -> RedisUnavailableError:
        """Records the error, and returns the one to raise."""
        self._counters.errors += 1
        reason = reason_of(error)
        if bytes_read() > self._max_bytes:
            self._answered(seconds, 1)
            return AnswerTooLongError(reason)
        refusal = refusal_of(error)
        if gate is not None and isinstance(error, ResponseError) and not refusal.concerns_all:
            self._answered(seconds, 1)
            gate.refused(error, reason)
            if refusal.reconnects:
                self._abandon()
            return RedisUnavailableError(reason)
        self._trouble.seen()
        if self.breaker.failed(seconds) is Change.OPENED:
            self._counters.breaker_opened += 1
            self._trouble.begin(
                f"Redis does not answer ({reason}); contents come from the database until it does. "
                f"What to do: {refusal.advice}"
            )
            # The next attempt opens new connections: sockets may be dead, and names may have other addresses by then.
            self._abandon()
        return RedisUnavailableError(reason)

    def _start_probe(self) -> None:
        self._workers.start(self._probe)

    def _probe(self) -> None:
        """Checks whether Redis works and is faster than the database, without delaying any caller."""
        best = float("inf")
        try:
            start_call(self._timeout_seconds, self._max_bytes)
            client = self._client or self._connect()
            for _ in range(_PROBES):
                started = start_call(self._timeout_seconds, self._max_bytes)
                try:
                    client.get(self._probe_key)
                except ResponseError as error:
                    if not str(error).startswith("WRONGTYPE"):
                        raise
                best = min(best, time.monotonic() - started)
        except FAILURES:
            self._trouble.seen()
            self.breaker.failed(0.0)
            self._abandon()
            return
        allowed_seconds = self.cost.of(1)
        if best > allowed_seconds:
            self._trouble.begin(
                f"Redis answers later than the database (in {best * 1000:.0f} ms at best; the database takes about "
                f"{allowed_seconds * 1000:.0f}); contents come from the database until it is faster. What to do: "
                "look at the server's load and at the network"
            )
        self.breaker.succeeded(best, allowed_seconds)


def reason_of(error: BaseException) -> str:
    """The reason in one line; messages of redis-py may be long, with every setting of every sentinel."""
    text = f"{type(error).__name__}: {words_of(error)}"
    return text if len(text) <= _MAX_REASON else text[:_MAX_REASON] + "..."
