"""Parts of contents as Redis strings: `namespace:format:digest`, written once, verified when read."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from redis.exceptions import InvalidResponse, ResponseError

from sched_cache.clock import Clock
from sched_cache.config import Config
from sched_cache.errors import FormatError, RedisUnavailableError
from sched_cache.format import FORMAT_VERSION, compress, decompress, is_named
from sched_cache.stats import RedisCounters
from sched_cache.store.redis.commands import Client
from sched_cache.store.redis.deadline import bytes_read
from sched_cache.store.redis.link import AnswerTooLongError, Link

_READS_PER_RENEWAL = 64
_MANY_DAMAGED = 4
"""Values of one answer that are damaged without exception, after which Redis is left alone for a while."""
_LONG_BYTES = 1 << 18
_HEADER_BYTES = 64
"""More than the prefix of a compressed part."""


class _Foreign:
    """Marks a value that is not a string."""


_FOREIGN = _Foreign()


class RedisParts:
    """Every method takes one round trip, and raises RedisUnavailableError if there is no answer.

    A value that does not match the hash in its key is a miss. It is deleted together with the lease of its writer, so
    that the next reader loads and writes the part again at once.
    """

    def __init__(
        self, link: Link, config: Config, counters: RedisCounters, clock: Clock, source: random.Random
    ) -> None:
        self._link = link
        self._prefix = f"{config.namespace}:{FORMAT_VERSION}:"
        self._ttl_seconds = config.redis_content_ttl_seconds
        self._compression_min_bytes = config.redis_compression_min_bytes
        self._max_bytes = config.max_content_bytes
        self._max_value_bytes = config.max_content_bytes + _HEADER_BYTES
        self._lease_ms = int(config.redis_lease_seconds * 1000)
        self._counters = counters
        self._clock = clock
        self._random = source

    def get(self, digest: str) -> bytes | None:
        """The part, or None for a miss."""
        started = self._clock.monotonic()
        key = self._prefix + digest
        try:
            value = self._link.run(lambda client: _get(client, key))
        except AnswerTooLongError:
            self._counters.damaged += 1
            self._counters.misses += 1
            self._drop_longer_than([digest], self._max_value_bytes)
            return None
        except RedisUnavailableError:
            self._drop_what_is_too_long_to_read([digest])
            raise
        part = self._checked(digest, value)
        if part is None and value is not None:
            self._drop_damaged([digest])
        self._counters.get_seconds.record(self._clock.monotonic() - started)
        if part is None:
            self._counters.misses += 1
        else:
            self._counters.hits += 1
            self._renew([digest])
        return part

    def get_many(self, digests: Collection[str]) -> dict[str, bytes]:
        """The parts that are stored."""
        started = self._clock.monotonic()
        keys = [self._prefix + digest for digest in digests]
        try:
            values = self._link.run(lambda client: _get_many(client, keys), len(keys))
        except AnswerTooLongError:
            self._counters.damaged += 1
            self._drop_longer_than(digests, self._max_value_bytes)
            raise
        except RedisUnavailableError:
            self._drop_what_is_too_long_to_read(digests)
            raise
        parts, damaged = {}, []
        for digest, value in zip(digests, values, strict=True):
            part = self._checked(digest, value)
            if part is not None:
                parts[digest] = part
            elif value is not None:
                damaged.append(digest)
        self._drop_damaged(damaged, is_all=len(damaged) == len(values))
        self._counters.get_seconds.record(self._clock.monotonic() - started)
        self._counters.hits += len(parts)
        self._counters.misses += len(values) - len(parts)
        self._renew(parts)
        return parts

    def put_many(self, parts: Mapping[str, bytes]) -> None:
        """Writes the parts that are not stored yet."""
        started = self._clock.monotonic()
        values = {digest: compress(part, self._compression_min_bytes) for digest, part in parts.items()}

        def command(client: Client) -> None:
            pipeline = client.pipeline(transaction=False)
            for digest, value in values.items():
                pipeline.set(self._prefix + digest, value, ex=self._ttl_seconds, nx=True)
            pipeline.execute()

        try:
            self._link.run(command, len(values), self._link.puts)
        except RedisUnavailableError:
            self._counters.put_errors += len(values)
            raise
        self._counters.put_seconds.record(self._clock.monotonic() - started)
        self._counters.puts += len(values)
        self._counters.bytes_written += sum(map(len, values.values()))

    def lease(self, digests: Collection[str]) -> list[str]:
        """The parts that only this node may load until the lease expires, or until `release`.

        Leases serve efficiency only: two nodes that load the same content write the same bytes. A lease stays after
        the part was put, so that a node that missed the part just before does not get a lease.
        """

        def command(client: Client) -> list[Any]:
            pipeline = client.pipeline(transaction=False)
            for digest in digests:
                pipeline.set(self._lease_key(digest), b"", px=self._lease_ms, nx=True)
            return pipeline.execute()

        granted = self._link.run(command, len(digests), self._link.puts)
        leased = [digest for digest, is_granted in zip(digests, granted, strict=True) if is_granted]
        self._counters.leases += len(leased)
        return leased

    def release(self, digests: Collection[str]) -> None:
        """Ends the leases of parts that this node did not load after all."""
        self._delete([self._lease_key(digest) for digest in digests])

    def _lease_key(self, digest: str) -> str:
        return f"{self._prefix}{digest}:lease"

    def _checked(self, digest: str, value: Any) -> bytes | None:
        """The part in `value`; None if there is none, or if it does not match the digest."""
        if isinstance(value, bytes):
            self._counters.bytes_read += len(value)
            try:
                part = decompress(value, self._max_bytes)
                if is_named(part, digest):
                    return part
            except FormatError:
                pass
        return None

    def _drop_damaged(self, digests: Collection[str], *, is_all: bool = False) -> None:
        """One round trip for all of them. Where nothing else was in a long answer, the rest would be no better."""
        if not digests:
            return
        self._counters.damaged += len(digests)
        keys = [key for digest in digests for key in (self._prefix + digest, self._lease_key(digest))]
        if is_all and len(digests) >= _MANY_DAMAGED:
            self._link.distrust(len(digests), lambda client: _delete(client, keys))
            return
        with suppress(RedisUnavailableError):  # the next reader tries again
            self._delete(keys)

    def _renew(self, digests: Collection[str]) -> None:
        """One read in 64 renews the time to live, so that parts in use stay, at little cost."""
        renewed = [
            self._prefix + digest for digest in digests if self._random.random() * _READS_PER_RENEWAL < 1
        ]
        if not renewed:
            return

        def command(client: Client) -> None:
            pipeline = client.pipeline(transaction=False)
            for key in renewed:
                pipeline.expire(key, self._ttl_seconds)
            pipeline.execute()

        with suppress(RedisUnavailableError):  # a part that expires early costs one read of the database
            self._link.run(command, len(renewed), self._link.puts)
            self._counters.renewals += len(renewed)

    def _delete(self, keys: list[str]) -> None:
        self._link.run(lambda client: _delete(client, keys), len(keys), self._link.puts)

    def _drop_what_is_too_long_to_read(self, digests: Collection[str]) -> None:
        """Called after a read that was abandoned in the middle of a long answer: a value that cannot be read in time
        would cost every reader the same time again.
        """
        n_bytes = bytes_read()
        if n_bytes >= _LONG_BYTES:
            self._drop_longer_than(digests, n_bytes)

    def _drop_longer_than(self, digests: Collection[str], n_bytes: int) -> None:
        """Runs in the background. A key of another type has no length, and its value is not sent to readers."""
        keys = [self._prefix + digest for digest in digests]

        def command(client: Client) -> None:
            pipeline = client.pipeline(transaction=False)
            for key in keys:
                pipeline.strlen(key)
            lengths = pipeline.execute(raise_on_error=False)
            long = [
                key
                for key, length in zip(keys, lengths, strict=True)
                if isinstance(length, int) and length > n_bytes
            ]
            for key in long:
                client.delete(key)

        self._link.later(command)


def _delete(client: Client, keys: list[str]) -> None:
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.delete(key)
    pipeline.execute()


def _get(client: Client, key: str) -> Any:
    try:
        return client.get(key)
    except ResponseError as error:
        if str(error).startswith("WRONGTYPE"):
            return _FOREIGN
        raise


def _get_many(client: Client, keys: list[str]) -> list[Any]:
    # A cluster answers MGET only for keys of one slot; its client has a method that asks each slot.
    mget = getattr(client, "mget_nonatomic", client.mget)
    values = mget(keys)
    if not isinstance(values, list) or len(values) != len(keys):
        raise InvalidResponse("MGET was not answered with a value for each key")
    return values
