"""The time for which the host may wait for the shared tiers instead of reading its own database."""

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

_HOST_SECONDS: Final = 0.004
"""The duration of the own path of Airflow for a DAG of 50 tasks, until it was measured in this process."""
_LEAST_SECONDS: Final = 0.005
_RESERVE: Final = 0.25
_N_THREADS: Final = 4
"""The limit of threads with an abandoned question. Such a thread stays until its lock or call returns."""


class Patience:
    """Limits the time that calls lose: `tier_loss_seconds` and a quarter at once, a tenth of that per further second.

    A call without an answer loses its whole duration. A call with an answer loses the time by which it was slower
    than the host's own path, which is measured. Calls to Redis charge the same budget, so two tiers in trouble
    together cost no more than one. The quarter is a reserve that Redis cannot use. Without it, a Redis in trouble would
    also keep the process from the healthy database, and the host's own path, which is slower, would load the DAGs.

    is_bounded: false if the tables are in the host's own database, because then the host has the same trouble.
    """

    def __init__(
        self, budget: Budget, *, is_bounded: bool, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._budget = budget
        self._reserve = budget.another(budget.seconds * _RESERVE)
        self._is_bounded = is_bounded
        self._monotonic = monotonic
        self._host = Cost(_HOST_SECONDS, _HOST_SECONDS)
        self._workers = Workers(_N_THREADS, "sched-cache-tiers")

    def ask(self, question: Callable[[], T], n_dags: int = 1) -> T:
        """The answer of the tiers to `question` about this many DAGs; abandoned when the budget is used up.

        If the time is bounded, the question runs on a thread of its own: a call of the store has a deadline, but a
        lock that another thread holds while it waits for the database has none.

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
            raise StoreUnavailableError(f"the shared tiers gave no answer: {error}") from error
        finally:
            lost = self._monotonic() - started - worth
            charged = max(0.0, left - self._left())
            self._charge(max(0.0, lost - charged))
        return answer

    @property
    def is_full(self) -> bool:
        """Whether no time was lost to any tier lately."""
        return self._budget.is_full and self._reserve.is_full

    def _left(self) -> float:
        return self._budget.left() + self._reserve.left()

    def _charge(self, seconds: float) -> None:
        from_budget = min(seconds, self._budget.left())
        self._budget.charge(from_budget)
        self._reserve.charge(seconds - from_budget)

    def host_took(self, seconds: float) -> None:
        """Notes the duration of the host's own path for one DAG."""
        self._host.record(seconds)
