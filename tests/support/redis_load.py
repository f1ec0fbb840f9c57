"""Readers and writers on one Redis, and what they noticed while something was done to it."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from sched_cache.clock import SystemClock
from sched_cache.config import Config
from sched_cache.format import content_hash_of
from sched_cache.stats import Stats
from sched_cache.store import Pointer, Seq, Version
from sched_cache.store.l2 import Answer
from sched_cache.store.redis.tier import RedisTier

if TYPE_CHECKING:
    from typing_extensions import Self

_PARTS = 200
_PAUSE_SECONDS = 0.005
_DATABASE_SECONDS = 0.02
"""The duration of the simulated database read: so long that Redis does not look slow on a busy machine."""
_WELL_SECONDS = 1.0
_INCARNATION = "0123456789abcdef"


class RedisLoad:
    """Two processes' tiers, each used by a reader and a writer, until the block ends.

    wrong: reads that brought another part than was asked for; slowest_seconds: of any call.
    """

    def __init__(self, url: str, timeout_seconds: float) -> None:
        config = Config(
            redis_url=url,
            namespace="load",
            redis_timeout_seconds=timeout_seconds,
            # So that a machine which is busy for a moment is no trouble.
            tier_loss_seconds=4 * timeout_seconds,
        )
        self.tiers = [RedisTier(config, Stats(), SystemClock(), random.Random(seed)) for seed in range(2)]
        self._parts = {content_hash_of(part): part for part in map(_part, range(_PARTS))}
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._failed_at: dict[str, float] = {}
        self._worked_at: dict[str, float] = {}
        self._records = _Records()
        self.wrong: list[str] = []
        self.errors: list[BaseException] = []
        self.slowest_seconds = 0.0
        self.n_calls = 0

    def __enter__(self) -> Self:
        logger = logging.getLogger("sched_cache.redis")
        logger.addHandler(self._records)
        logger.setLevel(logging.INFO)
        for tier in self.tiers:
            tier.subscribe(lambda: None, lambda: None, lambda: _INCARNATION).start()
            for act in (self._read, self._write):
                self._threads.append(threading.Thread(target=self._run, args=(act, tier), daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        for tier in self.tiers:
            tier.close()
        logging.getLogger("sched_cache.redis").removeHandler(self._records)

    def await_well(self, seconds: float) -> float:
        """Waits until reads, writes and messages have worked for a second; how long it took them to begin.

        Raises:
            AssertionError: not within `seconds`.
        """
        began_at = time.monotonic()
        while True:
            now = time.monotonic()
            last_failed_at = max([began_at, *self._failed_at.values()])
            if now - last_failed_at >= _WELL_SECONDS and all(
                self._worked_at.get(name, 0) > last_failed_at for name in ("read", "write", "message")
            ):
                return last_failed_at - began_at
            assert last_failed_at - began_at < seconds, f"not well after {seconds} s: {self._failed_at}"
            time.sleep(0.02)

    def await_trouble(self, seconds: float = 10.0) -> None:
        """Waits until a call has failed since now."""
        began_at = time.monotonic()
        while not any(failed_at > began_at for failed_at in list(self._failed_at.values())):
            assert time.monotonic() - began_at < seconds, "nothing failed"
            time.sleep(0.01)

    def said(self) -> Counter[str]:
        """How often each line was logged, told by its first words."""
        return Counter(" ".join(line.split()[:4]) for line in self._records.lines)

    def _run(self, act: Callable[[RedisTier, random.Random], None], tier: RedisTier) -> None:
        source = random.Random(threading.get_ident())
        while not self._stopped.wait(_PAUSE_SECONDS):
            try:
                act(tier, source)
            except BaseException as error:
                self.errors.append(error)
                return

    def _read(self, tier: RedisTier, source: random.Random) -> None:
        digest = source.choice(list(self._parts))
        part = self._parts[digest]
        answer = self._timed("read", lambda: tier.get(digest), lambda it: it is not Answer.UNAVAILABLE)

        def load() -> bytes:
            time.sleep(_DATABASE_SECONDS)
            return part

        fetched = self._timed("fetch", lambda: tier.fetch(digest, load), lambda _: True)
        if answer not in (part, Answer.MISS, Answer.UNAVAILABLE) or fetched != part:
            self.wrong.append(digest)

    def _write(self, tier: RedisTier, source: random.Random) -> None:
        part = _part(source.randrange(_PARTS, 1_000_000))
        self._timed("write", lambda: tier.put_many({content_hash_of(part): part}), bool)
        pointer = Pointer("load", Version(1), Seq(1), None)
        self._timed("message", lambda: tier.notify(pointer, _INCARNATION), bool)

    def _timed(self, name: str, call: Callable[[], object], is_well: Callable[[object], bool]) -> object:
        started = time.monotonic()
        answer = call()
        now = time.monotonic()
        self.slowest_seconds = max(self.slowest_seconds, now - started)
        self.n_calls += 1
        if is_well(answer):
            self._worked_at[name] = now
        else:
            self._failed_at[name] = now
        return answer


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        if record.exc_info:
            self.lines.append("a traceback was logged")


def _part(number: int) -> bytes:
    return random.Random(number).randbytes(500 + number % 3000)
