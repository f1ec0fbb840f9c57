"""The database and Redis of a simulation: the real contract, a step around each call, and faults on demand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

from sched_cache.errors import StoreUnavailableError
from sched_cache.store import ChangeSet, Pointer, Publication, PublicationResult, Seq, Store, Stored
from sched_cache.store.l2 import Answer
from sched_cache.testing.memory_store import MemoryStore
from tests.simulation.steps import Steps


class StepStore:
    """A process's way to the database. `fail` says before each call whether it fails."""

    def __init__(self, store: MemoryStore, steps: Steps, fail: Callable[[], bool]) -> None:
        self._store = store
        self._steps = steps
        self._fail = fail

    def _call(self, name: str, *args: Any) -> Any:
        self._steps.pause(f"db {name}")
        if self._fail():
            raise StoreUnavailableError("a fault of the simulation")
        result = getattr(self._store, name)(*args)
        self._steps.pause(f"db {name} done")
        return result

    def init_db(self) -> None:
        self._call("init_db")

    def token(self, key: str) -> Seq:
        return self._call("token", key)

    def publish(self, publication: Publication, connection: Any = None) -> PublicationResult:
        return self._call("publish", publication, connection)

    def publish_many(
        self, publications: Sequence[Publication], connection: Any = None
    ) -> list[PublicationResult]:
        return self._call("publish_many", publications, connection)

    def changes_since(self, cursor: int) -> ChangeSet:
        return self._call("changes_since", cursor)

    def read_pointers(self, keys: Collection[str]) -> dict[str, Pointer]:
        return self._call("read_pointers", keys)

    def read_hot(self, keys: Collection[str]) -> dict[str, Stored]:
        return self._call("read_hot", keys)

    def read_cold(self, keys: Collection[str]) -> dict[str, Stored]:
        return self._call("read_cold", keys)

    def read_whole(self, keys: Collection[str]) -> dict[str, Stored]:
        return self._call("read_whole", keys)

    def fresh(self, above: int, limit: int) -> ChangeSet:
        return self._call("fresh", above, limit)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        self._steps.pause("db begin")
        with self._store.transaction() as connection:
            yield connection
            self._steps.pause("db commit")
        self._steps.pause("db commit done")

    def lock_fresh(self, connection: Any, pointers: Sequence[Pointer]) -> list[Pointer]:
        return self._call("lock_fresh", connection, pointers)

    def acknowledge(self, connection: Any, key: str, taken_seq: int) -> bool:
        return self._call("acknowledge", connection, key, taken_seq)

    def purge_tombstones(self, before_seq: int) -> int:
        return self._call("purge_tombstones", before_seq)

    def new_incarnation(self, expected: str) -> str:
        return self._call("new_incarnation", expected)

    def close(self) -> None:
        pass


def _is_store(store: StepStore) -> Store:
    return store


class SharedRedis:
    """The state that all processes share: parts by digest, and a queue of notifications for each subscriber."""

    def __init__(self, random: Random, fault_rate: float) -> None:
        self.parts: dict[str, bytes] = {}
        self.queues: list[
            tuple[list[Pointer], Callable[[], str | None]]
        ] = []  # and the history each hears of
        self.fault_rate = fault_rate
        self._random = random
        self._older: dict[str, bytes] = {}

    def fails(self) -> bool:
        """Whether the next command gets no answer."""
        return self.fault_rate > 0 and self._random.random() < self.fault_rate

    def publish(self, pointer: Pointer, incarnation: str) -> None:
        """Queues a message for each subscriber of that history; with faults some are lost, some come twice."""
        for queue, subscribed in self.queues:
            if subscribed() == incarnation:
                copies = self._random.choice((0, 1, 1, 1, 2)) if self.fault_rate else 1
                queue.extend([pointer] * copies)

    def flush(self) -> None:
        """Loses everything."""
        self._older, self.parts = self.parts, {}

    def fail_over(self) -> None:
        """A replica takes over that has what was there before the last flush."""
        self.parts = dict(self._older)


class StepRedis:
    """A process's `L2`."""

    def __init__(self, shared: SharedRedis, steps: Steps) -> None:
        self.queue: list[Pointer] = []
        self._shared = shared
        self._steps = steps
        self.on_heard: Callable[[], None] | None = None

    def get(self, digest: str) -> bytes | Answer:
        self._steps.pause("redis get")
        if self._shared.fails():
            return Answer.UNAVAILABLE
        part = self._shared.parts.get(digest, Answer.MISS)
        self._steps.pause("redis get done")
        return part

    def get_many(self, digests: Collection[str]) -> dict[str, bytes | Answer]:
        return {digest: self.get(digest) for digest in digests}

    def put_many(self, parts: Mapping[str, bytes]) -> bool:
        self._steps.pause("redis put")
        is_heard = not self._shared.fails()
        if is_heard:
            self._shared.parts.update(parts)
        # The answer may be lost although the command was obeyed.
        self._steps.pause("redis put done")
        return is_heard and not self._shared.fails()

    def fetch(self, digest: str, load: Callable[[], bytes | None]) -> bytes | None:
        answer = self.get(digest)
        if isinstance(answer, bytes):
            return answer
        part = load()
        if part is not None:
            self.put_many({digest: part})
        return part

    def fetch_many(
        self, digests: Collection[str], load: Callable[[list[str]], Mapping[str, bytes]]
    ) -> dict[str, bytes]:
        parts = {digest: part for digest, part in self.get_many(digests).items() if isinstance(part, bytes)}
        missing = [digest for digest in digests if digest not in parts]
        if missing:
            loaded = load(missing)
            self.put_many(loaded)
            parts.update(loaded)
        return parts

    def notify(self, pointer: Pointer, incarnation: str) -> bool:
        self._steps.pause("redis notify")
        if not self._shared.fails():
            self._shared.publish(pointer, incarnation)
        self._steps.pause("redis notify done")
        return True

    def subscribe(
        self,
        on_heard: Callable[[], None],
        on_joined: Callable[[], None],
        incarnation: Callable[[], str | None],
    ) -> StepRedis:
        self.on_heard = on_heard
        self._shared.queues.append((self.queue, incarnation))
        return self

    def hear(self) -> None:
        """A message arrives; what it says is lost on the production code."""
        assert self.on_heard is not None
        self.on_heard()

    is_joined = True

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass
