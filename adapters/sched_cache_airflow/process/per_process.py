"""One object per process, made when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Generic, TypeVar

from sched_cache import fork

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Makes its object once, whichever thread asks first. Raises what making it raises.

    A forked child goes on with the object of its parent, whose parts `sched_cache.fork` makes new there. One that
    another thread was just making is made again.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: T | None = None
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """A new lock: another thread of the parent may have held it."""
        self._lock = RLock()

    def get(self) -> T:
        """The object of this process. No lock once it is there."""
        made = self._made
        if made is None:
            fork.register(self)
            with self._lock:
                if self._made is None:
                    self._made = self._make()
                made = self._made
        return made

    def discard(self, close: Callable[[T], None] | None = None) -> None:
        """Forgets the object, closed before; the next `get` makes another one."""
        with self._lock:
            if self._made is not None and close is not None:
                close(self._made)
            self._made = None
