"""Dependencies as index arrays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sched_cache.errors import FormatError
from sched_cache.format.graph import decode_graph, encode_graph, topological_order, transpose
from tests.support.format.hostile import constant, packed

HUGE_DEGREE = b"\x92\x00\xc8\x20\x00\x01" + b"\x7f" * 0x2000
"""A constant column of an integer with 20,000 digits."""


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """Downstream indices of up to 12 tasks: edges may repeat and may form cycles."""
    n_tasks = draw(st.integers(0, 12))
    return [draw(st.lists(st.integers(0, n_tasks - 1), max_size=4)) for _ in range(n_tasks)]


@given(graphs())
def test_both_directions_come_back(downstream: list[list[int]]) -> None:
    """Downstream in the order given, upstream ascending, repeated edges repeated."""
    upstream = transpose(downstream)
    decoded = decode_graph(encode_graph(downstream, upstream), len(downstream))
    for adjacency, rows in zip(decoded, (downstream, upstream), strict=True):
        assert len(adjacency) == len(rows)
        assert [adjacency[index].tolist() for index in range(len(rows))] == rows
    assert all(row == sorted(row) for row in upstream)
    assert sorted((a, b) for a, row in enumerate(downstream) for b in row) == sorted(
        (a, b) for b, row in enumerate(upstream) for a in row
    )


@given(graphs())
def test_topological_order_puts_every_task_before_what_follows_it(downstream: list[list[int]]) -> None:
    """All tasks, each before its downstream tasks; None exactly if some task can reach itself."""
    order = topological_order(downstream, transpose(downstream))
    reach = [set(row) for row in downstream]
    for _ in downstream:
        reach = [row.union(*(reach[other] for other in row)) for row in reach]
    if order is None:
        assert any(index in row for index, row in enumerate(reach))
        return
    assert sorted(order) == list(range(len(downstream)))
    place = {index: number for number, index in enumerate(order)}
    assert all(place[index] < place[other] for index, row in enumerate(downstream) for other in row)


def test_index_arrays_are_views_of_the_bytes() -> None:
    """Nothing is copied: each row is a memoryview of the narrowest width over one buffer."""
    n_tasks = 300
    downstream = [[index + 1] if index + 1 < n_tasks else [] for index in range(n_tasks)]
    decoded, _ = decode_graph(encode_graph(downstream, transpose(downstream)), n_tasks)
    assert isinstance(decoded[0], memoryview) and decoded[0].itemsize == 2
    assert decoded[0].obj is decoded[298].obj


def test_a_task_that_is_not_there_is_an_index_error() -> None:
    """Also a negative one, which Python would count from the end."""
    for adjacency in decode_graph(encode_graph([[1], []], [[], [0]]), 2):
        for index in (-1, 2, 1000):
            with pytest.raises(IndexError):
                adjacency[index]


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (packed(None), "four byte strings"),
        (packed([b"", b"", b""]), "four byte strings"),
        (packed([constant(0), b"", constant(0), ""]), "four byte strings"),
        (packed([b"", b"", constant(0), b""]), "degrees is not valid"),
        (packed([constant(-1), b"", constant(0), b""]), "degree"),
        (packed([constant(1.0), b"\x00\x00\x00", constant(0), b""]), "degree"),
        (packed([constant(True), b"\x00\x00\x00", constant(0), b""]), "degree"),
        (packed([constant(None), b"", constant(0), b""]), "degree"),
        (packed([packed([2, [1], b"\x00\x01\x00"]), b"\x00\x00", constant(0), b""]), "degree"),  # absent
        (packed([constant(1), b"\x00\x00", constant(0), b""]), "2 bytes for 3 edges"),
        (packed([constant(1), b"\x00\x00\x03", constant(0), b""]), "number 3, the limit is 3"),
        (packed([constant(0), b"\x00", constant(0), b""]), "1 bytes for 0 numbers"),
        (packed([constant(1), b"\x00" * 7, constant(0), b""]), "7 bytes for 3 numbers"),
        (packed([constant(1), b"\x00" * 24, constant(0), b""]), "24 bytes for 3 numbers"),
        (packed([constant((1 << 64) - 1), b"", constant(0), b""]), "0 bytes for <int> edges"),
        pytest.param(packed([HUGE_DEGREE, b"", constant(0), b""]), "<int> edges", id="huge"),
        (packed([packed([1, [1, 1]]), b"\x00\x00", constant(0), b""]), "2 values for 3 rows"),
    ],
)
def test_degrees_and_indices_must_belong_together(graph: bytes, reason: str) -> None:
    """Types, signs, sums and ranges are checked before a row is cut out."""
    with pytest.raises(FormatError, match=reason):
        decode_graph(graph, 3)


def test_no_tasks_have_no_edges() -> None:
    """An empty graph has two empty directions, and bytes behind them are refused."""
    assert [len(adjacency) for adjacency in decode_graph(encode_graph([], []), 0)] == [0, 0]
    with pytest.raises(FormatError):
        decode_graph(packed([b"", b"\x00", b"", b""]), 0)
