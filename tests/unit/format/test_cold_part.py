"""The decoded cold part."""

from __future__ import annotations

from typing import Any

import pytest

from sched_cache.errors import FormatError
from sched_cache.format import ABSENT, encode_dag
from sched_cache.format.cold_part import decode_cold
from tests.support.format.documents import document, task
from tests.support.format.hostile import cold_part, constant, hot_part, packed

COLD = encode_dag(document([task("a", x=1, y=[2]), task("b", x=2)], words="cold")).cold


def test_columns_are_unpacked_when_asked_for() -> None:
    """A cold part holds packed columns until one is read; a field that no task has is absent everywhere."""
    part = decode_cold(COLD, 2)
    assert sorted(part.column_names) == ["x", "y"] and part.dag_fields == {"words": "cold"}
    before = part.nbytes
    assert list(part.column("x")) == [1, 2] and list(part.column("y")) == [[2], ABSENT]
    assert part.nbytes > before
    assert part.column("x") is part.column("x")
    assert list(part.column("z")) == [ABSENT, ABSENT]


def test_a_dag_without_tasks_has_empty_columns() -> None:
    """Those of the shape, too, which are not stored for it."""
    part = decode_cold(encode_dag(document([])).cold, 0)
    assert list(part.structure("envelope")) == list(part.structure("has_edges")) == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (hot_part(), "this is part hot, expected cold"),
        (COLD[:-1], "the header says"),
        (cold_part(body=b""), "not valid MessagePack"),
        (cold_part(body=packed(None)), "not four mappings"),
        (cold_part(body=[{}, {}, {}]), "not four mappings"),
        (cold_part(body=[{}, {}, {}, []]), "not four mappings"),
        (cold_part(body=[{}, {b"f": 1}, {}, {}]), "key that is not a string"),
        (cold_part(body=[{}, {"f": b"x"}, {}, {}]), "not a JSON value"),
        (cold_part(body=[{}, {}, {"f": 1}, {}]), "not a byte string"),
        (cold_part(body=[{}, {}, {b"f": constant(1)}, {}]), "mapping of names"),
    ],
)
def test_bad_cold_parts_are_refused(data: bytes, reason: str) -> None:
    """The header, the four mappings and what they map are checked before anything is read."""
    with pytest.raises(FormatError, match=reason):
        decode_cold(data, 2)


@pytest.mark.parametrize("column", [constant(b"x"), packed([1, [1]]), b"\xc1", b""])
def test_a_bad_column_is_refused_when_it_is_read(column: Any) -> None:
    """The others can still be."""
    part = decode_cold(cold_part(columns={"good": constant(1), "bad": column}), 2)
    assert list(part.column("good")) == [1, 1]
    with pytest.raises(FormatError, match="bad"):
        part.column("bad")
