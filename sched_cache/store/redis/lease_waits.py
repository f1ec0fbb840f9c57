"""How long a reader waits for the node that holds a lease."""

from __future__ import annotations

from typing import Final

from sched_cache import fork
from sched_cache.clock import Clock
from sched_cache.store.budget import Budget

_SHARE: Final = 0.4
"""Of the budget. The rest remains for the load from the database that follows."""
_MIN_PAUSE_SECONDS: Final = 1.0
_MAX_PAUSE_SECONDS: Final = 60.0


class LeaseWaits:
    """Limits each wait, and pauses all waits of the process after one without a result.

    Any client of Redis may hold a lease without a limit, and a server that lies grants none. A reader that waited for
    each content in turn would use up the loss budget, and would then leave a healthy database alone. During a pause,
    contents that are not in Redis are loaded at once. Each further wait without a result doubles the pause.
    Thread-safe: attributes are replaced as a whole, and a lost update shortens one pause.
    """

    def __init__(self, clock: Clock, budget: Budget, longest_seconds: float) -> None:
        self._clock = clock
        self._budget = budget
        self._longest_seconds = longest_seconds
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """The child begins without a pause, as a new process does."""
        self._pause_seconds = 0.0
        self._until = float("-inf")

    def limit(self) -> float:
        """How long a reader may wait now."""
        if self._clock.monotonic() < self._until:
            return 0.0
        return min(self._longest_seconds, self._budget.left() * _SHARE)

    def ended_without_result(self, waited_seconds: float) -> None:
        """Charges the wait to the budget, and begins a pause."""
        self._budget.charge(waited_seconds)
        self._pause_seconds = min(max(_MIN_PAUSE_SECONDS, 2 * self._pause_seconds), _MAX_PAUSE_SECONDS)
        self._until = self._clock.monotonic() + self._pause_seconds

    def ended_with_result(self) -> None:
        """The holder has put the content: the next wait without a result begins with the shortest pause again."""
        self._pause_seconds = 0.0
