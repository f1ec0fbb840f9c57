"""The current version of every key, as far as this process may rely on it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import NamedTuple

from sched_cache import fork
from sched_cache.clock import Clock
from sched_cache.errors import StoreUnavailableError
from sched_cache.freshness.floors import Floors
from sched_cache.freshness.known import Known, Listener
from sched_cache.store import ChangeSet, Pointer, Seq, Store

_MAX_QUESTIONS = 3


@dataclass(frozen=True, slots=True)
class Learnt:
    """The result of one certification. `pointers`: those that were new to this process.

    `is_full`: every pointer of the database was read, not only the changes. `forgot`: the previous knowledge does not
    belong to the present history of the database.
    """

    pointers: tuple[Pointer, ...]
    is_full: bool
    forgot: bool


class _Answer(NamedTuple):
    """The answer of the database, and the sequence that it had to have when it was asked."""

    changes: ChangeSet
    asked_at: float
    is_full: bool
    highest: int


class Freshness:
    """The floors and their certification: one query that renews both.

    A certification reads the clock, *then* asks for the publications since the previous one, learns them, and only
    then counts as of the clock that it read. Therefore `known.pointers` always contains everything that was committed
    before `known.certified_at`.

    If the database went back in time, because it was restored or failed over to a replica that lagged, the floors are
    meaningless: everything is forgotten and read again. There are three signs. The counter is below our cursor; then
    we change the incarnation, so that processes that cannot see this are told. The incarnation differs from the one
    that we know. Or the database lacks something that we had learnt before we asked.

    Thread-safe, and usable after a fork: the child knows what the parent knew.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        listener: Listener,
        *,
        max_staleness_seconds: float,
        full_every_seconds: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self.floors = Floors(listener)
        self._max_staleness_seconds = max_staleness_seconds
        self._full_every_seconds = full_every_seconds
        # Held while the database is asked, so by one thread at a time. Guards all fields below.
        self._flight = threading.Lock()
        self._n_begun = 0  # certifications, including failed ones
        self._n_ended = 0
        self._last_good = 0  # the number of the last one that succeeded
        self._learnt = Learnt((), is_full=False, forgot=False)  # the result of that one
        self._failure: str | None = None  # why the last one failed; None if it succeeded
        self._failed_at = float("-inf")
        self._cursor = Seq(0)
        self._incarnation: str | None = None
        self._full_at = float("-inf")
        self.n_certifications = 0
        self.n_full = 0
        self.n_forgotten = 0
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Takes new locks and resets the counts. A question of another thread is repeated, for every pointer."""
        was_free = self._flight.acquire(blocking=False)
        self._flight = threading.Lock()
        self.floors.reset_after_fork(is_torn=not was_free)
        self._n_ended = self._n_begun
        self.n_certifications = self.n_full = self.n_forgotten = 0

    @property
    def known(self) -> Known:
        """The state that may be read without a lock; take it once per read."""
        return self.floors.known

    def is_certified(self, now: float) -> bool:
        """Whether a read that starts at `now` may be answered from the known state."""
        return now - self.floors.known.certified_at <= self._max_staleness_seconds

    def need(self, key: str, min_version: int = 0) -> int:
        """The oldest version that may be returned for `key`."""
        floor = self.floors.known.pointers.get(key)
        return min_version if floor is None else max(floor.version, min_version)

    def is_behind(self, pointer: Pointer) -> bool:
        """Whether `pointer`, which the database has just returned, is older than the known one.

        Either a newer version was published since, or the database went back: only a certification can decide.
        """
        floor = self.known.pointers.get(pointer.key)
        return floor is not None and floor.parsed_seq > pointer.parsed_seq

    @property
    def incarnation(self) -> str | None:
        """The history that the database named last; None before the first certification."""
        return self._incarnation

    def learn(self, pointer: Pointer) -> bool:
        """Raises the floor to `pointer`; whether it was new. If so, the listener has dropped older copies.

        Only for a pointer that the database has returned or that this process has committed: a floor hides all older
        versions, so a false one would hide the true version.
        """
        return self.floors.learn(pointer)

    def learn_row(self, key: str, pointer: Pointer | None, floor: Pointer | None) -> None:
        """Learns from a row that was read after `floor` was known; None: there is no row.

        A row that is older than `floor`, or absent, raises a doubt: the database went back, or another database
        answers. The next certification asks for everything.
        """
        if floor is not None and (pointer is None or pointer.parsed_seq < floor.parsed_seq):
            self.floors.doubt()
        if pointer is not None:
            self.floors.learn(pointer)

    def certify(self, *, full: bool = False) -> Learnt:
        """Learns all publications up to now. One query, shared with threads that ask at the same time.

        On return, everything committed before the call is known. `full` reads every pointer, not only the changes.

        Raises:
            StoreUnavailableError: nothing new was learnt, and nothing is lost.
        """
        if full:
            self.floors.doubt()
        n_begun, n_ended = self._n_begun, self._n_ended
        with self._flight:
            # A certification that began before this call may have read the database before the commit that the
            # caller knows of.
            if self._last_good <= n_begun:
                self._raise_failure_after(n_ended)
                self._certify()
            return self._learnt

    def ensure_certified(self) -> None:
        """Returns once a read that starts now may be answered; at once if it already may.

        Raises:
            StoreUnavailableError: the certification is too old and could not be renewed.
        """
        now = self._clock.monotonic()
        if self.is_certified(now):
            return
        n_ended = self._n_ended
        with self._flight:
            if not self.is_certified(now):
                self._raise_failure_after(n_ended)
                self._certify()

    def failed_within(self, seconds: float) -> bool:
        """Whether the last certification failed and ended less than `seconds` ago."""
        return self._failure is not None and self._clock.monotonic() - self._failed_at < seconds

    def _raise_failure_after(self, n_ended: int) -> None:
        # Threads that waited for a failed certification do not each try, and wait, again.
        if self._n_ended > n_ended and self._failure is not None:
            raise StoreUnavailableError(self._failure)

    def _certify(self) -> None:
        self._n_begun += 1
        try:
            self._learnt = self._fly()
            self._failure = None
            self._last_good = self._n_begun
            self.n_certifications += 1
        except StoreUnavailableError as error:
            self._failure = str(error)
            self._failed_at = self._clock.monotonic()
            raise
        finally:
            self.floors.after_question()
            self._n_ended += 1

    def _fly(self) -> Learnt:
        news: tuple[Pointer, ...] = ()
        forgot = False
        for _ in range(_MAX_QUESTIONS):
            learnt, asked_at = self._learn_changes()
            forgot = forgot or learnt.forgot
            news = learnt.pointers if learnt.forgot else news + learnt.pointers
            if self.known.certified_at >= asked_at:
                return Learnt(news, is_full=learnt.is_full, forgot=forgot)
        raise StoreUnavailableError("learnt pointers contradict the database again and again")

    def _learn_changes(self) -> tuple[Learnt, float]:
        answer = self._ask()
        forgot = self._forget_another_history(answer)
        if not answer.is_full and (forgot or not answer.changes.is_complete_after(self._cursor)):
            self.floors.doubt()
            answer = self._ask()
            forgot = self._forget_another_history(answer) or forgot
        news = self.floors.accept(answer.changes, answer.asked_at, is_full=answer.is_full)
        self._cursor = answer.changes.counter
        if self._incarnation is None:
            self._incarnation = answer.changes.incarnation
        if answer.is_full:
            self._full_at = answer.asked_at
            self.n_full += 1
        return Learnt(news, is_full=answer.is_full, forgot=forgot), answer.asked_at

    def _ask(self) -> _Answer:
        highest, is_full = self.floors.before_question()
        # First the clock, then the query: a commit between the two may be in the answer, or not.
        asked_at = self._clock.monotonic()
        is_full = is_full or asked_at - self._full_at >= self._full_every_seconds
        changes = self._store.changes_since(0 if is_full else self._cursor)
        return _Answer(changes, asked_at, is_full, highest)

    def _forget_another_history(self, answer: _Answer) -> bool:
        """Forgets everything if the database has lost something; whether it did."""
        changes = answer.changes
        incarnation = changes.incarnation
        if changes.counter < self._cursor:
            incarnation = self._store.new_incarnation(incarnation)
        elif (
            self._incarnation in (None, incarnation)
            and changes.counter >= answer.highest
            and not self.floors.contradict(changes)
        ):
            return False
        self.floors.forget()
        self._cursor = Seq(0)
        self._incarnation = incarnation
        self.n_forgotten += 1
        return True
