"""L2 on Redis: every trouble becomes an answer, and one node loads a content for all."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Collection, Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from sched_cache.clock import Clock
from sched_cache.config import Config
from sched_cache.errors import FormatError, RedisUnavailableError
from sched_cache.format import FORMAT_VERSION
from sched_cache.stats import Stats
from sched_cache.store.budget import Budget
from sched_cache.store.contract import Pointer
from sched_cache.store.l2 import Answer
from sched_cache.store.redis.client import open_client
from sched_cache.store.redis.commands import Client
from sched_cache.store.redis.lease_waits import LeaseWaits
from sched_cache.store.redis.link import Link
from sched_cache.store.redis.notification import decode_notification, encode_notification
from sched_cache.store.redis.opener import OpenClient
from sched_cache.store.redis.parts import RedisParts
from sched_cache.store.redis.subscriber import Subscriber

_MAX_BATCH = 128
"""Parts per round trip: enough to make round trips cheap, and few enough not to block Redis for other clients."""
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.001, 0.02


class RedisTier:
    """See `L2`."""

    def __init__(
        self,
        config: Config,
        stats: Stats,
        clock: Clock,
        source: random.Random | None = None,
        open_one: OpenClient = open_client,
        budget: Budget | None = None,
    ) -> None:
        source = source or random.Random()
        self._config = config
        self._clock = clock
        self._counters = stats.redis
        self._random = source
        self._budget = budget or Budget.configured(config, clock)
        probe_key = f"{config.namespace}:{FORMAT_VERSION}:probe"
        self._link = Link(config, clock, stats.redis, self._budget, source, open_one, probe_key)
        self._parts = RedisParts(self._link, config, stats.redis, clock, source)
        self._lease_waits = LeaseWaits(clock, self._budget, config.redis_lease_wait_seconds)
        # One channel for each history of each installation. A server has one set of channels for all its database
        # numbers, and another cluster may have the same namespace, but no other has this incarnation.
        self._channel = f"{config.namespace}:published:"
        self._hints = f"{config.namespace}:hints:"
        self._subscribers: list[Subscriber] = []
        stats.add_gauge("redis_breaker_state", lambda: self._link.breaker.state)

    def get(self, digest: str) -> bytes | Answer:
        """The part, or the reason why there is none."""
        try:
            part = self._parts.get(digest)
            return Answer.MISS if part is None else part
        except RedisUnavailableError:
            return Answer.UNAVAILABLE

    def get_many(self, digests: Collection[str]) -> dict[str, bytes | Answer]:
        """An answer for each digest. After the first batch without an answer, the rest is not requested."""
        answers: dict[str, bytes | Answer] = dict.fromkeys(digests, Answer.UNAVAILABLE)
        try:
            for batch in _batches(answers):
                parts = self._parts.get_many(batch)
                answers.update((digest, parts.get(digest, Answer.MISS)) for digest in batch)
        except RedisUnavailableError:
            pass
        return answers

    def put_many(self, parts: Mapping[str, bytes]) -> bool:
        """Whether all parts are stored now."""
        try:
            for batch in _batches(parts):
                self._parts.put_many({digest: parts[digest] for digest in batch})
            return True
        except RedisUnavailableError:
            return False

    def fetch(self, digest: str, load: Callable[[], bytes | None]) -> bytes | None:
        """The part from Redis, else from `load`."""
        answer = self.get(digest)
        if answer is Answer.UNAVAILABLE:
            with self._measured(1):
                return load()
        if not isinstance(answer, Answer):
            return answer

        def load_one(_: list[str]) -> dict[str, bytes]:
            part = load()
            return {} if part is None else {digest: part}

        return self._fill([digest], load_one).get(digest)

    def fetch_many(
        self, digests: Collection[str], load: Callable[[list[str]], Mapping[str, bytes]]
    ) -> dict[str, bytes]:
        """The parts from Redis, and the rest from `load`."""
        answers = self.get_many(digests)
        parts = {digest: part for digest, part in answers.items() if not isinstance(part, Answer)}
        unavailable = [digest for digest, answer in answers.items() if answer is Answer.UNAVAILABLE]
        missing = [digest for digest, answer in answers.items() if answer is Answer.MISS]
        if unavailable:
            # The trouble may continue, so the rest comes from the database in one batch.
            with self._measured(len(missing) + len(unavailable)):
                parts.update(load(missing + unavailable))
        elif missing:
            parts.update(self._fill(missing, load))
        return parts

    def notify(self, pointer: Pointer, incarnation: str) -> bool:
        """Whether Redis accepted the message."""
        if not self._said(self._channel + incarnation, encode_notification(pointer)):
            return False
        self._counters.notices_sent += 1
        return True

    def subscribe(
        self,
        on_heard: Callable[[], None],
        on_joined: Callable[[], None],
        incarnation: Callable[[], str | None],
    ) -> Subscriber:
        """A subscription that is not yet started."""
        return self._subscribed(self._channel, self._counts, on_heard, on_joined, incarnation)

    def hint(self, sender: bytes, incarnation: str) -> bool:
        """Whether Redis accepted the message."""
        return self._said(self._hints + incarnation, sender)

    def subscribe_to_hints(
        self,
        sender: bytes,
        on_heard: Callable[[], None],
        on_joined: Callable[[], None],
        incarnation: Callable[[], str | None],
    ) -> Subscriber:
        """A subscription that is not yet started."""
        return self._subscribed(
            self._hints, lambda message: bool(message != sender), on_heard, on_joined, incarnation
        )

    def _said(self, channel: str, message: bytes) -> bool:
        def command(client: Client) -> None:
            client.publish(channel, message)

        try:
            self._link.run(command, gate=self._link.messages)
        except RedisUnavailableError:
            return False
        return True

    def _subscribed(
        self,
        prefix: str,
        counts: Callable[[Any], bool],
        on_heard: Callable[[], None],
        on_joined: Callable[[], None],
        incarnation: Callable[[], str | None],
    ) -> Subscriber:
        def channel() -> str | None:
            name = incarnation()
            return None if name is None else prefix + name

        subscriber = Subscriber(
            self._link,
            channel,
            counts,
            on_heard,
            on_joined,
            self._clock,
            self._counters,
            self._config.redis_timeout_seconds,
            self._config.redis_ping_seconds,
            self._random,
        )
        self._subscribers.append(subscriber)
        return subscriber

    def _counts(self, message: Any) -> bool:
        """Any message counts, a wrong one too, because it only leads to a question."""
        try:
            decode_notification(message)
        except FormatError:
            self._counters.notices_rejected += 1
        else:
            self._counters.notices_received += 1
        return True

    def close(self) -> None:
        """Ends every subscription and connection."""
        for subscriber in self._subscribers:
            subscriber.close()
        self._subscribers.clear()
        self._link.close()

    def _fill(self, missing: list[str], load: Callable[[list[str]], Mapping[str, bytes]]) -> dict[str, bytes]:
        """The parts that Redis does not have: loaded here, or by the node that has the lease.

        Each round asks for leases first, so that, when a holder gives up or dies, only one of the waiting nodes takes
        over. After the first trouble, Redis is not asked again.
        """
        parts: dict[str, bytes] = {}
        pending = missing
        began_at = self._clock.monotonic()
        limit = self._lease_waits.limit()
        wait_seconds = _FIRST_WAIT_SECONDS
        try:
            while True:
                leased = [digest for batch in _batches(pending) for digest in self._parts.lease(batch)]
                if leased:
                    pending = _without(pending, set(leased))
                    loaded = self._load_leased(leased, load)
                    parts.update(loaded)
                    self._put_leased(leased, loaded)
                if not pending:
                    return parts
                if not limit:
                    break
                waited = self._clock.monotonic() - began_at
                if waited >= limit:
                    self._counters.lease_timeouts += 1
                    self._lease_waits.ended_without_result(waited)
                    break
                self._counters.lease_waits += 1
                self._clock.sleep(wait_seconds * self._random.uniform(0.5, 1.0))
                wait_seconds = min(wait_seconds * 1.5, _LONGEST_WAIT_SECONDS)
                for batch in _batches(pending):
                    parts.update(self._parts.get_many(batch))
                pending = _without(pending, parts)
                if not pending:
                    self._lease_waits.ended_with_result()
                    return parts
        except RedisUnavailableError:
            pending = _without(pending, parts)
        if pending:
            with self._measured(len(pending)):
                parts.update(load(pending))
        return parts

    @contextmanager
    def _measured(self, n_parts: int) -> Iterator[None]:
        """Measures the duration of a load from the next tier, including failed loads."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._link.cost.record(time.perf_counter() - started, n_parts)

    def _load_leased(
        self, leased: list[str], load: Callable[[list[str]], Mapping[str, bytes]]
    ) -> Mapping[str, bytes]:
        try:
            with self._measured(len(leased)):
                return load(leased)
        except BaseException:
            with suppress(RedisUnavailableError):  # the leases expire
                self._parts.release(leased)
            raise

    def _put_leased(self, leased: list[str], loaded: Mapping[str, bytes]) -> None:
        for batch in _batches([digest for digest in leased if digest in loaded]):
            self._parts.put_many({digest: loaded[digest] for digest in batch})
        failed = _without(leased, loaded)
        if failed:
            self._parts.release(failed)


def _without(digests: list[str], others: Container[str]) -> list[str]:
    return [digest for digest in digests if digest not in others]


def _batches(digests: Collection[str]) -> Iterator[list[str]]:
    remaining = iter(digests)
    while batch := list(itertools.islice(remaining, _MAX_BATCH)):
        yield batch
