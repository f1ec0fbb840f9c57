"""The task instances of one run as columns, which replace ORM objects where a decision only reads."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sched_cache.format import CompactDag
from sched_cache.scheduling.state import STATE_CODES, STATES
from sched_cache.scheduling.timestamp import date_of, microseconds_of

_UNEXPANDED: Final = -1


class SlimTaskInstance(NamedTuple):
    """One row. `try_number`, `start_date` and `end_date` are None if the rows were read without them."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None


class SlimTaskInstances:
    """Immutable columns with one entry per row, in the order in which the rows were read.

    task_ids: those of the DAG, shared with it. task_index: the index of a row's task there. map_index: -1 if not
    expanded. state: a byte per row, the index into `state_names`. state_names: `STATES`, followed by other states of
    this run. try_number, start, end: None if they were not read; start and end in microseconds since the epoch, or
    `timestamp.NO_TIME`. unknown: the rows whose task the DAG does not have; the host sets them to `removed`.
    """

    __slots__ = (
        "end",
        "map_index",
        "start",
        "state",
        "state_names",
        "task_ids",
        "task_index",
        "try_number",
        "unknown",
    )

    def __init__(
        self,
        task_ids: Sequence[str],
        task_index: array[int],
        map_index: array[int],
        state: bytes,
        *,
        try_number: array[int] | None = None,
        start: array[int] | None = None,
        end: array[int] | None = None,
        state_names: Sequence[str | None] = STATES,
        unknown: Sequence[SlimTaskInstance] = (),
    ) -> None:
        self.task_ids = task_ids
        self.task_index = task_index
        self.map_index = map_index
        self.state = state
        self.try_number = try_number
        self.start = start
        self.end = end
        self.state_names = state_names
        self.unknown = unknown

    @classmethod
    def from_rows(cls, dag: CompactDag, rows: Iterable[Sequence[Any]]) -> SlimTaskInstances:
        """The columns of `rows`.

        Args:
            dag: the content that the run is scheduled by.
            rows: (task_id, map_index, state), followed by those of (try_number, start_date, end_date) that were
                read, for every task instance of the run, in any order. Dates are aware.
        """
        return cls.from_columns(dag, list(zip(*rows, strict=True)) or [(), (), ()])

    @classmethod
    def from_columns(cls, dag: CompactDag, columns: Sequence[Sequence[Any]]) -> SlimTaskInstances:
        """As `from_rows`, for rows read by column: creates no object per row for the garbage collector to track."""
        unknown: list[SlimTaskInstance] = []
        try:
            task_index = array("I", map(dag.index, columns[0]))
        except KeyError:
            known = set(dag.task_ids)
            unknown = [SlimTaskInstance(*row) for row in zip(*columns, strict=True) if row[0] not in known]
            kept = [row for row in zip(*columns, strict=True) if row[0] in known]
            columns = list(zip(*kept, strict=True)) or [()] * len(columns)
            task_index = array("I", map(dag.index, columns[0]))
        names: Sequence[str | None] = STATES
        try:
            state = bytes(map(STATE_CODES.__getitem__, columns[2]))
        except KeyError:
            names = (*STATES, *sorted({str.__str__(name) for name in columns[2] if name not in STATE_CODES}))
            state = bytes(map(names.index, columns[2]))
        optional = [*columns[3:], None, None, None]
        return cls(
            dag.task_ids,
            task_index,
            array("i", columns[1]),
            state,
            try_number=None if optional[0] is None else array("i", optional[0]),
            start=None if optional[1] is None else array("q", map(microseconds_of, optional[1])),
            end=None if optional[2] is None else array("q", map(microseconds_of, optional[2])),
            state_names=names,
            unknown=unknown,
        )

    @property
    def has_expanded(self) -> bool:
        """Whether a row has a map index."""
        return self.map_index.count(_UNEXPANDED) != len(self.map_index)

    def has_same_states(self, other: SlimTaskInstances | None) -> bool:
        """Whether `other` has the same rows in the same order and states; the other columns may differ."""
        return (
            other is not None
            and self.state == other.state
            and self.task_index == other.task_index
            and self.map_index == other.map_index
            and self.state_names == other.state_names
        )

    def __len__(self) -> int:
        return len(self.task_index)

    def __getitem__(self, row: int) -> SlimTaskInstance:
        return SlimTaskInstance(
            self.task_ids[self.task_index[row]],
            self.map_index[row],
            self.state_names[self.state[row]],
            None if self.try_number is None else self.try_number[row],
            None if self.start is None else date_of(self.start[row]),
            None if self.end is None else date_of(self.end[row]),
        )

    def __iter__(self) -> Iterator[SlimTaskInstance]:
        return map(self.__getitem__, range(len(self)))

    @property
    def nbytes(self) -> int:
        """Resident bytes, without the task ids of the DAG and the unknown rows."""
        columns = (self.task_index, self.map_index, self.state, self.try_number, self.start, self.end)
        return sys.getsizeof(self) + sum(sys.getsizeof(column) for column in columns if column is not None)
