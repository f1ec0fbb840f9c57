"""A client of Redis that lies, as a process: `python -m tests.chaos.liar URL SEED MESSAGES_PER_SECOND`.

It finds the channels that are listened to and publishes there what could be true, what was true once, tombstones
and nonsense. Keys and leases it deletes, exchanges, garbles, and makes last for ever. Runs until it is killed.
"""

from __future__ import annotations

import random
import sys
import time
from collections import deque
from contextlib import suppress
from typing import Any

import msgpack
import redis

from sched_cache.store.redis import decode_notification
from tests.support.hurt_cluster.edited_files import KEYS

_LOOK_SECONDS = 0.05
_SAY_SECONDS = 30.0


class Liar:
    """Does one bad thing at a time. n_messages, n_keys: how many of each."""

    def __init__(self, url: str, seed: int) -> None:
        self._choose = random.Random(seed)
        self._client: Any = redis.Redis.from_url(url, socket_timeout=1.0)
        self._pubsub: Any = None
        self._heard: deque[bytes] = deque(maxlen=500)
        self._channels: list[bytes] = []
        self._highest = 10
        self.n_messages = self.n_keys = 0

    def look(self) -> None:
        """Finds out which channels there are and what is said there."""
        self._channels = self._client.pubsub_channels("*published*") or [b"sched_cache:published"]
        if self._pubsub is None:
            self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)
            self._pubsub.psubscribe("*published*")
        for _ in range(200):
            message = self._pubsub.get_message(timeout=0.0)
            if message is None:
                return
            if message["type"] == "pmessage":
                self._heard.append(message["data"])
                with suppress(Exception):
                    self._highest = max(self._highest, decode_notification(message["data"]).parsed_seq)
                    self._highest = min(self._highest, 10**7)  # its own lies among them

    def publish(self, n_messages: int) -> None:
        """Tells so many lies in one round trip."""
        pipeline = self._client.pipeline(transaction=False)
        for _ in range(n_messages):
            pipeline.publish(self._choose.choice(self._channels), self._message())
        pipeline.execute()
        self.n_messages += n_messages

    def _message(self) -> bytes:
        choose = self._choose
        kind = choose.randrange(5)
        if kind == 0 and self._heard:
            return choose.choice(self._heard)
        if kind == 1:
            return choose.randbytes(choose.choice((0, 1, 30, 2_000)))
        key = choose.choice((*KEYS, f"forged_{choose.randrange(10**6)}"))
        seq = self._highest + choose.randint(-20, 20) if kind == 2 else choose.randint(1, 2**62)
        seq = max(1, seq)
        content_hash = None if kind == 3 else f"{choose.getrandbits(128):032x}"
        message: bytes = msgpack.packb((1, key, choose.randint(1, seq), seq, content_hash))
        return message

    def hurt_keys(self) -> None:
        """Makes some of what is stored untrue."""
        choose, client = self._choose, self._client
        keys = [key for key in client.scan_iter(count=500) if choose.random() < 0.3]
        for key in keys:
            self.n_keys += 1
            other = choose.choice(keys)
            kind = choose.randrange(7)
            if kind == 0:
                client.delete(key)
            elif kind == 1:
                client.set(key, choose.randbytes(choose.choice((0, 1, 100, 100_000))))
            elif kind == 2:
                with suppress(redis.ResponseError):
                    client.set(key, client.get(other) or b"")
            elif kind == 3:
                client.delete(key)
                client.rpush(key, b"a list")
            elif kind == 4:
                client.persist(key)
            elif kind == 5:
                lease = key if key.endswith(b":lease") else key + b":lease"
                client.set(lease, choose.randbytes(8))  # of nobody, for ever
            else:
                client.pexpire(key, choose.choice((1, 10**9)))

    def close(self) -> None:
        """Begins with a new connection the next time."""
        if self._pubsub is not None:
            with suppress(redis.RedisError):
                self._pubsub.close()
            self._pubsub = None


def main() -> None:
    """Also says now and then how much it has done, on standard error."""
    url, seed, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    liar = Liar(url, seed)
    said_at = time.monotonic()
    hurts = rate < 1_000  # a flood is one thing at a time
    while True:
        started = time.monotonic()
        try:
            liar.look()
            liar.publish(max(1, int(rate * _LOOK_SECONDS)))
            if hurts:
                liar.hurt_keys()
        except (redis.RedisError, OSError):
            liar.close()  # the server is being hurt by others, too
        if started - said_at > _SAY_SECONDS:
            said_at = started
            print(f"lies so far: {liar.n_messages} messages, {liar.n_keys} keys", file=sys.stderr)
        time.sleep(max(0.0, _LOOK_SECONDS - (time.monotonic() - started)))


if __name__ == "__main__":
    main()
