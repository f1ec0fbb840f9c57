"""The newest pointer that one process has learnt of, per key."""

from __future__ import annotations

import threading

from sched_cache.freshness.known import Known, Listener
from sched_cache.store import ChangeSet, Pointer, Version


class Floors:
    """Floors only rise until `forget`, so repeated and reordered news are harmless.

    They rise to what the database has told or this process has committed, never to what a message says. So there
    are no more of them than the database has keys.

    Safe for threads. No method waits for anything but another short one.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        # Guards all fields and what is in `known`; held while the listener is called.
        self._lock = threading.Lock()
        self.known = Known()
        self._highest = 0  # the highest sequence ever learnt
        self._overheard: dict[str, Pointer] | None = None  # learnt while the database is asked
        self._is_doubtful = True
        self._n_conflicts = 0  # pointers of one sequence that were not the same
        self._n_conflicts_asked = 0  # so many when the database was asked

    def reset_after_fork(self, *, is_torn: bool = False) -> None:
        """A new lock. What another thread was just changing is doubted: the database is asked for all of it.

        Args:
            is_torn: a thread of the parent was amid a question.
        """
        was_free = self._lock.acquire(blocking=False) and not is_torn
        self._lock = threading.Lock()
        self._overheard = None
        if not was_free:
            self._is_doubtful = True
            self.known.certified_at = float("-inf")

    def learn(self, pointer: Pointer) -> bool:
        """Raises the floor to `pointer`; whether it was news. The listener has dropped older copies then."""
        with self._lock:
            if self._overheard is not None:
                other = self._overheard.get(pointer.key)
                if other is None or other.parsed_seq < pointer.parsed_seq:
                    self._overheard[pointer.key] = pointer
            return self._learn(pointer)

    def doubt(self) -> None:
        """Has the next question be about every pointer."""
        with self._lock:
            self._is_doubtful = True

    def before_question(self) -> tuple[int, bool]:
        """The highest sequence that the database must know now, and whether to ask for every pointer."""
        with self._lock:
            self._overheard = {}
            self._n_conflicts_asked = self._n_conflicts
            return self._highest, self._is_doubtful

    def after_question(self) -> None:
        """Ends what `before_question` began."""
        with self._lock:
            self._overheard = None

    def contradict(self, changes: ChangeSet) -> bool:
        """Whether a database that answers this cannot have had what was learnt before it was asked."""
        with self._lock:
            floors, overheard = self.known.pointers, self._overheard or {}
            return any(
                # What was overheard meanwhile may be newer than the snapshot that was read.
                _contradicts(floors.get(pointer.key), pointer) and pointer.key not in overheard
                for pointer in changes.pointers
            )

    def forget(self) -> None:
        """Begins again with nothing, for the database went back in time."""
        with self._lock:
            # 1. A reader took the old `known`, and is answered from it: its read began before anybody knew.
            # 2. A reader takes the new one: not certified, so it waits for the query that tells what is true
            # now.
            self.known = Known()
            self._listener.forgotten()
            self._highest = 0
            self._is_doubtful = True
            # Learnt since we asked, so perhaps of the new history. If not, the next question finds out.
            for pointer in (self._overheard or {}).values():
                self._learn(pointer)

    def accept(self, changes: ChangeSet, asked_at: float, *, is_full: bool) -> tuple[Pointer, ...]:
        """Raises the floors to an answer and certifies them as of `asked_at`; what was news.

        Does not certify what was contradicted meanwhile: `known.certified_at` is older than `asked_at` then.
        """
        with self._lock:
            # 1. A reader finds the certification too old and waits.
            # 2. The floors rise.
            # 3. The certification counts. A reader who sees 3 sees 2.
            news = tuple([pointer for pointer in changes.pointers if self._learn(pointer)])
            if is_full:
                self._drop_purged(changes)
            self._highest = max(self._highest, changes.counter)
            if self._n_conflicts == self._n_conflicts_asked:
                self._is_doubtful = self._is_doubtful and not is_full
                self.known.certified_at = asked_at
            return news

    def _drop_purged(self, changes: ChangeSet) -> None:
        """Drops the keys that the whole database does not have: their tombstones were purged."""
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
                # Two histories. The database says which one is true, before anything more is served.
                self._is_doubtful = True
                self._n_conflicts += 1
                self.known.certified_at = float("-inf")
            return False
        self._highest = max(self._highest, pointer.parsed_seq)
        floors[pointer.key] = pointer
        # Published again unchanged: what the listener has is still current.
        if floor is None or floor.version < pointer.version:
            self._listener.superseded(pointer)
        return True


def _contradicts(floor: Pointer | None, pointer: Pointer) -> bool:
    """Whether a database cannot have had `floor` before `pointer` in one history."""
    if floor is None:
        return False
    if pointer.parsed_seq < floor.parsed_seq or pointer.version < floor.version:
        return True
    return pointer.version == floor.version and pointer.content_hash != floor.content_hash
