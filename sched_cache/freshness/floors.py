"""The floor of each key: the newest pointer that this process has learnt of."""

from __future__ import annotations

import threading

from sched_cache.freshness.known import Known, Listener
from sched_cache.store import ChangeSet, Pointer, Version


class Floors:
    """Floors only rise until `forget`, so repeated and reordered news are harmless.

    They rise to pointers that the database has returned or that this process has committed, never to the content of a
    message. Therefore there are at most as many floors as the database has keys.

    Thread-safe. A method waits only for other short methods of this class.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        # Guards all fields and the content of `known`; held while the listener is called.
        self._lock = threading.Lock()
        self.known = Known()
        self._highest = 0  # the highest sequence ever learnt
        self._overheard: dict[str, Pointer] | None = None  # learnt while the database is asked
        self._is_doubtful = True
        self._n_conflicts = 0  # pointers of one sequence that were not the same
        self._n_conflicts_asked = 0  # the number when the database was asked

    def reset_after_fork(self, *, is_torn: bool = False) -> None:
        """Takes a new lock. If another thread was changing the floors, the next question asks for every pointer.

        Args:
            is_torn: a thread of the parent was in the middle of a question.
        """
        was_free = self._lock.acquire(blocking=False) and not is_torn
        self._lock = threading.Lock()
        self._overheard = None
        if not was_free:
            self._is_doubtful = True
            self.known.certified_at = float("-inf")

    def learn(self, pointer: Pointer) -> bool:
        """Raises the floor to `pointer`; whether it was new. If so, the listener has dropped older copies."""
        with self._lock:
            if self._overheard is not None:
                other = self._overheard.get(pointer.key)
                if other is None or other.parsed_seq < pointer.parsed_seq:
                    self._overheard[pointer.key] = pointer
            return self._learn(pointer)

    def doubt(self) -> None:
        """Makes the next question ask for every pointer."""
        with self._lock:
            self._is_doubtful = True

    def before_question(self) -> tuple[int, bool]:
        """The highest sequence that the database must have by now, and whether to ask for every pointer."""
        with self._lock:
            self._overheard = {}
            self._n_conflicts_asked = self._n_conflicts
            return self._highest, self._is_doubtful

    def after_question(self) -> None:
        """Ends what `before_question` began."""
        with self._lock:
            self._overheard = None

    def contradict(self, changes: ChangeSet) -> bool:
        """Whether this answer proves that the database lacks something that was learnt before the question."""
        with self._lock:
            floors, overheard = self.known.pointers, self._overheard or {}
            return any(
                # Pointers that were learnt meanwhile may be newer than the snapshot of the answer.
                _contradicts(floors.get(pointer.key), pointer) and pointer.key not in overheard
                for pointer in changes.pointers
            )

    def forget(self) -> None:
        """Forgets everything, because the database went back in time."""
        with self._lock:
            # 1. A reader has taken the old `known` and uses it: its read began before the restore was noticed.
            # 2. A reader takes the new one, which is not certified: it waits for the query for the present state.
            self.known = Known()
            self._listener.forgotten()
            self._highest = 0
            self._is_doubtful = True
            # Learnt after the question was sent, so it may belong to the new history. If not, the next question shows.
            for pointer in (self._overheard or {}).values():
                self._learn(pointer)

    def accept(self, changes: ChangeSet, asked_at: float, *, is_full: bool) -> tuple[Pointer, ...]:
        """Raises the floors to an answer and certifies them as of `asked_at`; returns the new pointers.

        If the answer was contradicted meanwhile, it does not certify: `known.certified_at` stays below `asked_at`.
        """
        with self._lock:
            # 1. A reader finds the certification too old and waits.
            # 2. The floors rise.
            # 3. The certification counts. A reader that sees step 3 also sees step 2.
            news = tuple([pointer for pointer in changes.pointers if self._learn(pointer)])
            if is_full:
                self._drop_purged(changes)
            self._highest = max(self._highest, changes.counter)
            if self._n_conflicts == self._n_conflicts_asked:
                self._is_doubtful = self._is_doubtful and not is_full
                self.known.certified_at = asked_at
            return news

    def _drop_purged(self, changes: ChangeSet) -> None:
        """Drops keys that a full answer does not contain: their tombstones were purged."""
        floors, overheard = self.known.pointers, self._overheard or {}
        there = {pointer.key for pointer in changes.pointers}
        for key in [key for key in floors if key not in there and key not in overheard]:
            self._listener.superseded(Pointer(key, Version(changes.counter), changes.counter, None))
            del floors[key]

    def _learn(self, pointer: Pointer) -> bool:
        floors = self.known.pointers
        floor = floors.get(pointer.key)
        if floor is not None and floor.parsed_seq >= pointer.parsed_seq:
            if floor.parsed_seq == pointer.parsed_seq and floor.content_hash != pointer.content_hash:
                # Two histories: the database decides which one is true before any further read is served.
                self._is_doubtful = True
                self._n_conflicts += 1
                self.known.certified_at = float("-inf")
            return False
        self._highest = max(self._highest, pointer.parsed_seq)
        floors[pointer.key] = pointer
        # Published again without a change: the copy of the listener is still current.
        if floor is None or floor.version < pointer.version:
            self._listener.superseded(pointer)
        return True


def _contradicts(floor: Pointer | None, pointer: Pointer) -> bool:
    """Whether `floor` and then `pointer` cannot occur in one history."""
    if floor is None:
        return False
    if pointer.parsed_seq < floor.parsed_seq or pointer.version < floor.version:
        return True
    return pointer.version == floor.version and pointer.content_hash != floor.content_hash
