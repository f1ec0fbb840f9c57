"""How long the shared tiers may keep the host waiting for DAGs that it could read from its own database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sched_cache.errors import StoreUnavailableError
from sched_cache.store.budget import Budget
from sched_cache.store.cost import Cost
from sched_cache.store.sql.calls import calls_of_process

_LEAST_SECONDS = 0.005


class Patience:
    """Every call together loses `tier_loss_seconds` at once, and a tenth of that in each further second.

    A call that is not answered has lost its whole time. One that is answered has lost the time by which it took
    longer than the host's own path, which is measured. Redis charges the same budget, so two tiers in trouble
    together lose no more than one.

    is_bounded: not where the tables are in the host's own database, whose trouble is the host's own.
    """

    def __init__(
        self, budget: Budget, *, is_bounded: bool, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._budget = budget
        self._is_bounded = is_bounded
        self._monotonic = monotonic
        self._host = Cost(0.01, 0.01)

    @contextmanager
    def waiting(self, n_dags: int = 1) -> Iterator[None]:
        """A block that asks the tiers for so many DAGs; it ends when nothing is left to lose.

        Raises:
            StoreUnavailableError: nothing is left, or the block took too long.
        """
        if not self._is_bounded:
            yield
            return
        left = self._budget.left()
        if left < _LEAST_SECONDS:
            raise StoreUnavailableError("the shared tiers have kept this process waiting long enough")
        worth = 0.0
        started = self._monotonic()
        try:
            with calls_of_process().within(left):
                yield
            worth = n_dags * self._host.of()
        finally:
            lost = self._monotonic() - started - worth
            charged = max(0.0, left - self._budget.left())
            self._budget.charge(max(0.0, lost - charged))

    def host_took(self, seconds: float) -> None:
        """Notes what the host's own path took for one DAG."""
        self._host.record(seconds)
