"""A store in the memory of one process: for tests and simulations, and to read the contract as code."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from sched_cache import fork
from sched_cache.errors import StoreUnavailableError
from sched_cache.store.contract import (
    ChangeSet,
    Content,
    Pointer,
    Publication,
    PublicationResult,
    Seq,
    Stored,
)
from sched_cache.store.verdict import Verdict, absent, in_lock_order, pointer_after, published, verdict_on


@dataclass(slots=True)
class State:
    """Everything committed. A copy of it is a backup."""

    incarnation: str
    counter: int = 0
    purged_seq: int = 0
    pointers: dict[str, Pointer] = field(default_factory=dict)
    contents: dict[str, Content] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)

    def copy(self) -> State:
        """Its own dictionaries, the same immutable values."""
        return replace(
            self,
            pointers=dict(self.pointers),
            contents=dict(self.contents),
            acknowledged=dict(self.acknowledged),
        )


class MemoryTransaction:
    """The pending changes of one transaction. None of them is visible before the commit."""

    def __init__(self) -> None:
        self.counter: int | None = None  # not None: this transaction holds the counter
        self.publications: dict[str, tuple[Pointer, Content | None]] = {}
        self.acknowledgements: dict[str, int] = {}
        self.effects: list[Callable[[], None]] = []

    def at_commit(self, effect: Callable[[], None]) -> None:
        """Has `effect` happen with the commit, or not at all. It may not raise, nor call the store."""
        self.effects.append(effect)


class MemoryStore:
    """A `Store` whose database is this object; every method is one atomic step.

    A transaction that publishes keeps every other publisher out until it ends, like the counter row of a
    database; they wait `lock_timeout_seconds` for it.
    """

    def __init__(self, *, lock_timeout_seconds: float = 5.0) -> None:
        self._names = (f"memory-{number}" for number in itertools.count(1))
        self._lock_timeout_seconds = lock_timeout_seconds
        self.reset_after_fork()
        self._state = State(next(self._names))
        fork.register(self)

    def reset_after_fork(self) -> None:
        """New locks: another thread of the parent may have held them, whose transaction does not exist here."""
        self._publishing = threading.Lock()  # the counter row's lock: held from a publication to its commit
        self._mutex = threading.Lock()  # guards: _state, _claimed
        self._claimed: dict[str, MemoryTransaction] = {}

    def init_db(self) -> None:
        """There is nothing to create."""

    def token(self, key: str) -> Seq:
        """The sequence of the last publication of `key`, 0 if there was none."""
        return self.read_pointers([key]).get(key, absent(key)).parsed_seq

    def publish(
        self, publication: Publication, connection: MemoryTransaction | None = None
    ) -> PublicationResult:
        """`publish_many` of one."""
        return self.publish_many([publication], connection)[0]

    def publish_many(
        self, publications: Sequence[Publication], connection: MemoryTransaction | None = None
    ) -> list[PublicationResult]:
        """Makes the publications current, all or none."""
        ordered = in_lock_order(publications)
        if connection is None:
            with self.transaction() as connection:
                outcome = self._publish(connection, ordered)
        else:
            outcome = self._publish(connection, ordered)
        return [outcome[one.key] for one in publications]

    def changes_since(self, cursor: int) -> ChangeSet:
        """The pointers published after `cursor`."""
        with self._mutex:
            return self._change_set(one for one in self._state.pointers.values() if one.parsed_seq > cursor)

    def read_pointers(self, keys: Collection[str]) -> dict[str, Pointer]:
        """The current pointers, tombstones too."""
        with self._mutex:
            return {key: self._state.pointers[key] for key in keys if key in self._state.pointers}

    def read_hot(self, keys: Collection[str]) -> dict[str, Stored]:
        """Pointers with hot parts."""
        return self._read_contents(keys, lambda content: content.hot)

    def read_cold(self, keys: Collection[str]) -> dict[str, Stored]:
        """Pointers with cold parts."""
        return self._read_contents(keys, lambda content: content.cold)

    def read_whole(self, keys: Collection[str]) -> dict[str, Stored]:
        """Pointers with both parts."""
        return self._read_contents(keys, lambda content: content.hot + content.cold)

    def fresh(self, above: int, limit: int) -> ChangeSet:
        """The oldest pointers that are not acknowledged."""
        with self._mutex:
            found = self._change_set(
                one
                for one in self._state.pointers.values()
                if one.parsed_seq > max(above, self._state.acknowledged.get(one.key, 0))
            )
        return replace(found, pointers=found.pointers[:limit])

    @contextmanager
    def transaction(self) -> Iterator[MemoryTransaction]:
        """A transaction of the store's own."""
        transaction = MemoryTransaction()
        try:
            yield transaction
            self._commit(transaction)
        finally:
            with self._mutex:
                self._claimed = {
                    key: owner for key, owner in self._claimed.items() if owner is not transaction
                }
            if transaction.counter is not None:
                self._publishing.release()

    def lock_fresh(self, connection: MemoryTransaction, pointers: Sequence[Pointer]) -> list[Pointer]:
        """Those of `pointers` that are still fresh, locked for this transaction."""
        with self._mutex:
            taken = [
                one
                for one in pointers
                if self._claimed.get(one.key, connection) is connection
                and one.parsed_seq > self._state.acknowledged.get(one.key, 0)
            ]
            self._claimed.update((one.key, connection) for one in taken)
            return taken

    def acknowledge(self, connection: MemoryTransaction, key: str, taken_seq: int) -> bool:
        """Raises `acknowledged_seq` to `taken_seq` with the commit; whether it rose."""
        with self._mutex:
            current = connection.acknowledgements.get(key, self._state.acknowledged.get(key, 0))
            if not current < taken_seq <= self._state.pointers.get(key, absent(key)).parsed_seq:
                return False
            connection.acknowledgements[key] = taken_seq
            return True

    def purge_tombstones(self, before_seq: int) -> int:
        """Removes acknowledged tombstones."""
        with self._mutex:
            state = self._state
            doomed = [
                one.key
                for one in state.pointers.values()
                if one.content_hash is None
                and one.parsed_seq <= min(before_seq, state.acknowledged.get(one.key, 0))
            ]
            for key in doomed:
                del state.pointers[key], state.acknowledged[key]
            if doomed and state.purged_seq < before_seq <= state.counter:
                state.purged_seq = before_seq
            return len(doomed)

    def new_incarnation(self, expected: str) -> str:
        """Names a new history, unless another process did; the name that now holds."""
        with self._mutex:
            if self._state.incarnation == expected:
                self._state.incarnation = next(self._names)
            return self._state.incarnation

    def close(self) -> None:
        """There is nothing to end."""

    def backup(self) -> State:
        """A copy of the database, for `restore`."""
        with self._mutex:
            return self._state.copy()

    def restore(self, backup: State) -> None:
        """Takes the database back in time without notice. No transaction may be open."""
        with self._mutex:
            self._state = backup.copy()

    def _publish(
        self, transaction: MemoryTransaction, ordered: Sequence[Publication]
    ) -> dict[str, PublicationResult]:
        self._take_counter(transaction)
        assert transaction.counter is not None
        with self._mutex:
            current = {one.key: self._pointer(transaction, one.key) for one in ordered}
        verdicts = {one.key: verdict_on(one, current[one.key]) for one in ordered}
        outcome = {}
        for one in ordered:
            pointer, verdict = current[one.key], verdicts[one.key]
            if verdict is not Verdict.UNCHANGED:
                transaction.counter += 1
                pointer = pointer_after(one, pointer, verdict, Seq(transaction.counter))
                transaction.publications[one.key] = (pointer, one.content)
            outcome[one.key] = published(pointer, verdict, self._state.incarnation)
        return outcome

    def _take_counter(self, transaction: MemoryTransaction) -> None:
        if transaction.counter is None:
            if not self._publishing.acquire(timeout=self._lock_timeout_seconds):
                raise StoreUnavailableError("another transaction holds the counter")
            with self._mutex:
                transaction.counter = self._state.counter

    def _pointer(self, transaction: MemoryTransaction, key: str) -> Pointer:
        if key in transaction.publications:
            return transaction.publications[key][0]
        return self._state.pointers.get(key, absent(key))

    def _commit(self, transaction: MemoryTransaction) -> None:
        with self._mutex:
            state = self._state
            if transaction.counter is not None:
                state.counter = transaction.counter
            for key, (pointer, content) in transaction.publications.items():
                state.pointers[key] = pointer
                state.acknowledged.setdefault(key, 0)
                if content is None:
                    state.contents.pop(key, None)
                else:
                    state.contents[key] = content
            for key, taken_seq in transaction.acknowledgements.items():
                state.acknowledged[key] = max(state.acknowledged.get(key, 0), taken_seq)
            for effect in transaction.effects:
                effect()

    def _read_contents(self, keys: Collection[str], part: Callable[[Content], bytes]) -> dict[str, Stored]:
        with self._mutex:
            found = {}
            for key in keys:
                if key in self._state.pointers:
                    content = self._state.contents.get(key)
                    found[key] = Stored(self._state.pointers[key], None if content is None else part(content))
            return found

    def _change_set(self, pointers: Iterator[Pointer]) -> ChangeSet:
        by_age = tuple(sorted(pointers, key=lambda pointer: pointer.parsed_seq))
        state = self._state
        return ChangeSet(by_age, Seq(state.counter), state.incarnation, Seq(state.purged_seq))
