"""How long the shared tiers may keep the host waiting for DAGs that it could read from its own database."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from sched_cache.errors import StoreUnavailableError
from sched_cache.store.budget import Budget
from sched_cache.store.cost import Cost
from sched_cache.store.sql.calls import calls_of_process
from sched_cache.store.workers import Workers

T = TypeVar("T")

_LEAST_SECONDS: Final = 0.005
_RESERVE: Final = 0.25
_N_THREADS: Final = 4
"""Each holds a question that was given up, until the lock or the call that it waits for lets go of it."""


class Patience:
    """All calls together lose `tier_loss_seconds` and a quarter at once, and a tenth of that in each further second.

    A call that is not answered has lost its whole time. One that is answered has lost the time by which it took
    longer than the host's own path, which is measured. Redis charges the same budget, so two tiers in trouble
    together lose no more than one. The quarter is a reserve that Redis cannot use: else a Redis in trouble would cost
    the healthy database too, and the DAGs would be loaded by the host's own path, which is slower.

    is_bounded: not where the tables are in the host's own database, whose trouble is the host's own.
    """

    def __init__(
        self, budget: Budget, *, is_bounded: bool, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._budget = budget
        self._reserve = budget.another(budget.seconds * _RESERVE)
        self._is_bounded = is_bounded
        self._monotonic = monotonic
        self._host = Cost(0.01, 0.01)
        self._workers = Workers(_N_THREADS, "sched-cache-tiers")

    def ask(self, question: Callable[[], T], n_dags: int = 1) -> T:
        """The answer of the tiers to `question` about this many DAGs; abandoned when the budget is used up.

        Where the time is bounded it runs on a thread of its own. A call of the store has a deadline, and a lock that
        another thread holds while it waits for the database has none.

        Raises:
            StoreUnavailableError: nothing is left, or the answer took too long.
        """
        if not self._is_bounded:
            return question()
        left = self._left()
        if left < _LEAST_SECONDS:
            raise StoreUnavailableError("the shared tiers have kept this process waiting long enough")

        def within_deadline() -> T:
            with calls_of_process().within(left):
                return question()

        worth = 0.0
        started = self._monotonic()
        try:
            answer = self._workers.run(within_deadline, left)
            worth = n_dags * self._host.of()
        except TimeoutError as error:
            raise StoreUnavailableError(f"the shared tiers did not answer {error}") from error
        finally:
            lost = self._monotonic() - started - worth
            charged = max(0.0, left - self._left())
            self._charge(max(0.0, lost - charged))
        return answer

    @property
    def is_unused(self) -> bool:
        """No time was lost to any tier lately."""
        return self._budget.is_full and self._reserve.is_full

    def _left(self) -> float:
        return self._budget.left() + self._reserve.left()

    def _charge(self, seconds: float) -> None:
        from_budget = min(seconds, self._budget.left())
        self._budget.charge(from_budget)
        self._reserve.charge(seconds - from_budget)

    def host_took(self, seconds: float) -> None:
        """Notes what the host's own path took for one DAG."""
        self._host.record(seconds)
