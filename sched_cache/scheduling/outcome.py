"""The effect of each task's rows on the tasks downstream: a byte per task, or a tally of expanded rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from operator import ne
from typing import Final

from sched_cache.scheduling.slim_task_instances import SlimTaskInstances
from sched_cache.scheduling.state import NO_ROW, OUTCOME_OF_CODE, REMOVED, SUCCESS, UNFINISHED
from sched_cache.scheduling.trigger_rule import FORBIDDEN, N_KINDS, WEIGHTS

_N_OUTCOMES: Final = REMOVED + 1
_SKIPS: Final = 8
"""Added to a finished task's outcome if it may hold a skip decision."""

_EXPANDED: Final = 16
"""The outcome of a task with expanded rows, for which the tally has the details."""

_ADD_SKIPS: Final = bytes(code | _SKIPS if SUCCESS <= code <= REMOVED else code for code in range(256))
_HAS_WEIGHT: Final = bytes(0 if code in (NO_ROW, UNFINISHED) else 1 for code in range(256))


@dataclass(frozen=True, slots=True)
class Tally:
    """The rows of a task that has expanded ones.

    n_rows: the number of rows with each outcome. may_skip: whether the task may hold a skip decision.
    has_unexpanded: whether there is also an unexpanded row, which an expansion may delete.
    """

    n_rows: tuple[int, ...]
    may_skip: bool
    has_unexpanded: bool


@dataclass(frozen=True, slots=True)
class RunOutcomes:
    """of_task: a byte per task. tallies: task -> tally, for tasks with expanded rows."""

    of_task: bytes
    tallies: Mapping[int, Tally]

    @classmethod
    def of_rows(cls, rows: SlimTaskInstances, may_skip: Sequence[int]) -> RunOutcomes:
        """The outcomes of `rows`. `may_skip`: the tasks that may hold a skip decision. Linear in rows."""
        of_task = bytearray(len(rows.task_ids))
        outcomes = rows.state.translate(OUTCOME_OF_CODE)
        tallies: dict[int, Tally] = {}
        if rows.has_expanded:
            tallies = _tallies(rows, outcomes, frozenset(may_skip))
        for index, outcome in zip(rows.task_index, outcomes, strict=True):
            of_task[index] = outcome
        for index in tallies:
            of_task[index] = _EXPANDED
        if len(may_skip) == len(of_task):
            return cls(bytes(of_task).translate(_ADD_SKIPS), tallies)
        for index in may_skip:
            of_task[index] = _ADD_SKIPS[of_task[index]]
        return cls(bytes(of_task), tallies)

    def n_rows(self, index: int) -> int:
        """The number of rows of the task."""
        if self.of_task[index] == _EXPANDED:
            return sum(self.tallies[index].n_rows)
        return int(self.of_task[index] != NO_ROW)

    def weights(self, index: int) -> Sequence[int]:
        """The weight that the task adds to the counter of a downstream task, for each kind; last, for watchers."""
        code = self.of_task[index]
        return _WEIGHTS[code] if code != _EXPANDED else _weights_of_tally(self.tallies[index])

    @property
    def has_weight(self) -> bytes:
        """A byte per task, 0 if it adds nothing to any counter."""
        return self.of_task.translate(_HAS_WEIGHT)


def _tallies(rows: SlimTaskInstances, outcomes: bytes, may_skip: frozenset[int]) -> dict[int, Tally]:
    expanded = {index for index, number in zip(rows.task_index, rows.map_index, strict=True) if number >= 0}
    n_rows = {index: [0] * _N_OUTCOMES for index in expanded}
    unexpanded: set[int] = set()
    for index, number, outcome in zip(rows.task_index, rows.map_index, outcomes, strict=True):
        if index in n_rows:
            n_rows[index][outcome] += 1
            if number < 0:
                unexpanded.add(index)
    return {
        index: Tally(tuple(counts), index in may_skip, index in unexpanded)
        for index, counts in n_rows.items()
    }


def _weights_of_code(code: int) -> list[int]:
    outcome = code & ~_SKIPS
    weights = [*WEIGHTS[outcome], FORBIDDEN if outcome > SUCCESS else 0]
    return [weight + FORBIDDEN for weight in weights[:-1]] + weights[-1:] if code & _SKIPS else weights


_WEIGHTS: Final[Mapping[int, Sequence[int]]] = {
    code: _weights_of_code(code)
    for code in (*range(_N_OUTCOMES), *(code | _SKIPS for code in range(SUCCESS, _N_OUTCOMES)))
}


@lru_cache(maxsize=1024)
def _weights_of_tally(tally: Tally) -> Sequence[int]:
    is_finished = sum(tally.n_rows[SUCCESS:]) > 0
    extra = FORBIDDEN if tally.has_unexpanded or (tally.may_skip and is_finished) else 0
    return [
        sum(n_rows * _WEIGHTS[outcome][kind] for outcome, n_rows in enumerate(tally.n_rows))
        + (extra if kind < N_KINDS else 0)
        for kind in range(N_KINDS + 1)
    ]


def changed_tasks(before: RunOutcomes, after: RunOutcomes) -> list[int]:
    """The tasks whose outcome or tally differs, ascending."""
    differs = map(ne, before.of_task, after.of_task)
    changed = set(compress(range(len(after.of_task)), differs))
    changed.update(index for index, tally in after.tallies.items() if before.tallies.get(index) != tally)
    return sorted(changed)
