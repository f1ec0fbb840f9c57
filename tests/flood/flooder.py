"""A program that publishes forged notifications on every channel of a Redis: `python -m tests.flood.flooder URL N`.

It sends N a second, in bursts of fifty milliseconds. Most name keys that nothing has, some the key `x` or the first
DAG with a version far ahead, some a deletion. It writes the number it has sent every second.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator

import redis

from sched_cache.store.contract import Pointer, Seq, Version
from sched_cache.store.redis.notification import encode_notification

_BURST_SECONDS = 0.05


def forged() -> Iterator[bytes]:
    """Well-formed messages with numbers that no database has given out."""
    for turn in itertools.count(1):
        key = ("x", "dag_0", f"forged_{turn}", f"forged_{turn % 1000}")[turn % 4]
        content_hash = None if turn % 5 == 0 else f"{turn:032x}"
        yield encode_notification(Pointer(key, Version(10**9 + turn), Seq(2 * 10**9 + turn), content_hash))


def main() -> None:
    url, per_second = sys.argv[1], int(sys.argv[2])
    client = redis.Redis.from_url(url)
    messages = forged()
    n_sent, started, said = 0, time.monotonic(), 0
    channels: list[bytes] = []  # a process leaves a flooded channel for a while: the flood goes on
    while True:
        channels = sorted({*channels, *client.pubsub_channels()})
        due = int((time.monotonic() - started) * per_second) - n_sent
        if channels and due > 0:
            with client.pipeline(transaction=False) as pipeline:
                for message in itertools.islice(messages, due):
                    pipeline.publish(channels[n_sent % len(channels)], message)
                    n_sent += 1
                pipeline.execute()
        elif not channels:
            started, n_sent = time.monotonic(), 0
        if time.monotonic() - said >= 1:
            said = int(time.monotonic())
            print(n_sent, flush=True)
        time.sleep(_BURST_SECONDS)


if __name__ == "__main__":
    main()
