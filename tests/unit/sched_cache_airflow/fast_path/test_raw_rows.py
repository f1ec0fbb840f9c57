"""Rows come by run and column, however the database mixes and portions them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from sched_cache_airflow.fast_path.raw_rows import RawRows, rows_by_run


class Result:
    """A database's answer, in portions of its own choice."""

    def __init__(self, rows: Sequence[Sequence[Any]], portion: int) -> None:
        self._rows, self._portion = rows, portion

    def partitions(self, _: int) -> Iterator[Sequence[Sequence[Any]]]:
        for start in range(0, len(self._rows), self._portion):
            yield self._rows[start : start + self._portion]


MIXED = [
    (1, "a", -1, None, "id 1"),
    (2, "a", -1, "success", "id 2"),
    (2, "b", 0, None, "id 3"),
    (1, "b", -1, "failed", "id 4"),
]


@pytest.mark.parametrize("portion", [1, 2, 3, 4])
def test_each_run_has_its_rows_in_the_order_in_which_they_came(portion: int) -> None:
    """A run without rows is there, too."""
    assert rows_by_run([1, 2, 3], Result(MIXED, portion)) == {
        1: RawRows(["a", "b"], [-1, -1], [None, "failed"], ["id 1", "id 4"]),
        2: RawRows(["a", "b"], [-1, 0], ["success", None], ["id 2", "id 3"]),
        3: RawRows(),
    }


def test_a_host_whose_task_instances_have_no_id_leaves_it_out() -> None:
    rows = rows_by_run([1, 2], Result([row[:4] for row in MIXED], 3))
    assert rows[1] == RawRows(["a", "b"], [-1, -1], [None, "failed"])
