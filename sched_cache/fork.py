"""Fork safety: a fork waits briefly for threads that are inside a library, and a child renews its objects.

Three causes make a forked child hang or misbehave, and each has its own remedy here:

| cause | remedy |
|---|---|
| one of our objects belongs to the parent: locks held by other threads, sockets, threads, counts | `register` |
| one of our threads held a lock of a library (mutexes of SQLite, the resolver, a pool) | `held_off` |
| a SQLite file was open: the child would have its locks for ever | `held_off(seconds)`, `register_before` |

Source of the order of the hooks: CPython `PyOS_BeforeFork`, `PyOS_AfterFork_Child`, `PyOS_AfterFork_Parent`.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from threading import Condition, get_ident
from types import TracebackType
from typing import Protocol
from weakref import WeakSet, ref

logger = logging.getLogger("sched_cache")

_MAX_WAIT_SECONDS = 0.25
_MAX_FORK_SECONDS = 1.0


class ForkAware(Protocol):
    """An object with state that a child must not share with its parent."""

    def reset_after_fork(self) -> None:
        """Called in the child, where only the forking thread exists. Must take no lock and do no I/O."""
        ...


class ForkPrepared(Protocol):
    """An object with state that must not exist while its process forks."""

    def before_fork(self) -> None:
        """Called in the parent by the thread that forks, when no other thread is inside, or these took too long.

        A signal handler may fork, so every lock that this takes must be reentrant.
        """
        ...


class ForkGate:
    """Keeps forks and calls into libraries apart, with limits on both sides.

    A fork waits until every other thread has left its call, but at most until `max_wait_seconds` after the thread has
    entered it. A thread that stays longer waits for a server or a disk, outside of the library's mutexes; therefore a
    tier that hangs delays one fork, not every fork. A thread in a `Stay` has a limit of its own. A thread that wants to
    enter waits until the fork is over, at most `_MAX_FORK_SECONDS`, because hooks that run between ours may wait for
    that thread.

    The forking thread never waits for itself. The lock is reentrant, because a signal handler may fork at any point.

    While there is no fork, a thread enters and leaves without the lock. This is safe because each side writes first
    and reads then, and a bytecode that changes a dictionary or an attribute is visible to all threads before the next:

    1. The thread writes its entry. 2. It reads `_n_forking`.
    1. The fork raises `_n_forking`. 2. It reads the entries.

    In either order, at least one of the two sees the other, and then the lock decides.

    n_not_waited: forks of this process that did not wait to the end.
    """

    def __init__(
        self, max_wait_seconds: float = _MAX_WAIT_SECONDS, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_wait_seconds = max_wait_seconds
        self.monotonic = monotonic
        # Guards _n_forking, and is notified of every change that a thread may wait for.
        self._changed = Condition()
        # Thread to its nesting depth and the time until which a fork waits for it. Only the thread itself changes its
        # entry.
        self._inside: dict[int, tuple[int, float]] = {}
        self._n_forking = 0
        self.n_not_waited = 0

    def __enter__(self) -> None:
        me = get_ident()
        outer = self._inside.get(me)
        if outer is not None:
            self._inside[me] = outer[0] + 1, outer[1]
            return
        self._inside[me] = 1, self.monotonic() + self._max_wait_seconds
        if self._n_forking:
            self._step_aside(me, 1)

    def __exit__(self, *_: object) -> None:
        me = get_ident()
        depth, until = self._inside.get(me, (1, 0.0))
        if depth > 1:
            self._inside[me] = depth - 1, until
            return
        self._inside.pop(me, None)
        if self._n_forking:
            with self._changed:
                self._changed.notify_all()

    def let_pass(self) -> None:
        """Lets a waiting fork proceed: for a thread that stays inside for long, at a point where no library runs."""
        me = get_ident()
        inside = self._inside.get(me)
        if self._n_forking:
            self._step_aside(me, inside[0] if inside else 0)
        elif inside:
            self._inside[me] = inside[0], self.monotonic() + self._max_wait_seconds

    def _step_aside(self, me: int, depth: int) -> None:
        """Leaves, lets the fork proceed, and enters again."""
        with self._changed:
            self._inside.pop(me, None)
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._n_forking, _MAX_FORK_SECONDS)
            if depth:
                self._inside[me] = depth, self.monotonic() + self._max_wait_seconds

    def wait_until(self, monotonic: float | None) -> float | None:
        """Sets until when a fork waits for this thread, which is inside; returns the time that held before."""
        me = get_ident()
        if monotonic is None or me not in self._inside:
            return None
        depth, before = self._inside[me]
        self._inside[me] = depth, monotonic
        if self._n_forking and monotonic < before:
            with self._changed:
                self._changed.notify_all()
        return before

    def before_fork(self) -> None:
        """Keeps other threads from entering, and waits for the threads that are inside."""
        me = get_ident()
        with self._changed:
            self._n_forking += 1
            while True:
                # A copy in one operation: other threads enter and leave meanwhile.
                inside = self._inside.copy()
                limits = [until for thread, (_, until) in inside.items() if thread != me]
                if not limits:
                    return
                seconds_left = max(limits) - self.monotonic()
                if seconds_left <= 0:
                    self.n_not_waited += 1
                    return
                self._changed.wait(seconds_left)

    def after_fork_in_parent(self) -> None:
        """Lets waiting threads enter."""
        with self._changed:
            self._n_forking = max(self._n_forking - 1, 0)
            self._changed.notify_all()

    def after_fork_in_child(self) -> None:
        """Forgets all threads but the one that forked, which may be inside."""
        me = get_ident()
        self._changed = Condition()
        self._inside = {me: self._inside[me]} if me in self._inside else {}
        self._n_forking = 0
        self.n_not_waited = 0


class Stay:
    """A block during which a fork waits for this thread for up to `seconds`, instead of `max_wait_seconds`."""

    __slots__ = ("_before", "_gate", "_seconds")

    def __init__(self, gate: ForkGate, seconds: float) -> None:
        self._gate = gate
        self._seconds = seconds

    def __enter__(self) -> None:
        self._gate.__enter__()
        self._before = self._gate.wait_until(self._gate.monotonic() + self._seconds)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.wait_until(self._before)
        self._gate.__exit__()


gate = ForkGate()
"""The gate of this process."""

_registered: WeakSet[ForkAware] = WeakSet()
# Changed and copied by single operations of the list, since other threads run at that time.
_prepared: list[ref[ForkPrepared]] = []
_is_hooked = False


def register(instance: ForkAware) -> None:
    """Makes every child that is forked while `instance` is alive call `instance.reset_after_fork()`."""
    _hook()
    _registered.add(instance)


def register_before(instance: ForkPrepared) -> None:
    """Makes every fork while `instance` is alive call `instance.before_fork()` first."""
    _hook()
    _prepared.append(ref(instance, _forget_prepared))


def _forget_prepared(dead: ref[ForkPrepared]) -> None:
    with suppress(ValueError):
        _prepared.remove(dead)


def held_off(seconds: float | None = None) -> AbstractContextManager[None]:
    """A block in which a library may hold locks: a fork in another thread waits for its end.

    Use it for short calls: one statement, one connection. It may be nested, and costs less than a microsecond.

    Args:
        seconds: the limit of that wait, for a block during which a forked child would be of no use.
    """
    if not _is_hooked:
        _hook()
    return gate if seconds is None else Stay(gate, seconds)


def _hook() -> None:
    global _is_hooked
    if not _is_hooked:
        # At the first use, not at import: importing this package changes nothing in its process.
        _is_hooked = True
        os.register_at_fork(
            before=_prepare_all,
            after_in_parent=gate.after_fork_in_parent,
            after_in_child=_reset_all,
        )


def _prepare_all() -> None:
    gate.before_fork()
    for prepared in list(_prepared):
        instance = prepared()
        if instance is not None:
            try:
                instance.before_fork()
            except Exception:
                logger.exception("%s could not be prepared for a fork", type(instance).__name__)


def _reset_all() -> None:
    gate.after_fork_in_child()
    for instance in list(_registered):
        try:
            instance.reset_after_fork()
        except Exception:
            # The other objects are reset all the same.
            logger.exception("%s could not be reset in a forked child", type(instance).__name__)
