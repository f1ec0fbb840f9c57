"""One object per process, created at its first use."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Generic, TypeVar

from sched_cache import fork

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Creates its object once, in the thread that asks first. Passes on the errors of the creation.

    A forked child continues with the object of its parent, whose parts `sched_cache.fork` resets there. If another
    thread was creating the object, the child creates it again.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: T | None = None
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """A new lock: another thread of the parent may have held it."""
        self._lock = RLock()

    def get(self) -> T:
        """The object of this process. Takes no lock once it exists."""
        made = self._made
        if made is None:
            fork.register(self)
            with self._lock:
                if self._made is None:
                    self._made = self._make()
                made = self._made
        return made

    def discard(self, close: Callable[[T], None] | None = None) -> None:
        """Closes the object and forgets it. The next `get` creates another one."""
        with self._lock:
            if self._made is not None and close is not None:
                close(self._made)
            self._made = None
