"""Dependencies between tasks, as index arrays in both directions.

Wire form, one MessagePack array: the out-degrees as a column, the downstream indices row by row, then the in-degrees
and upstream indices in the same way. Degrees are nearly constant in real DAGs, so they take a few bytes, while row
offsets would take two bytes per task; the offsets are computed on first use.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from sched_cache.errors import FormatError
from sched_cache.format.columns import decode_column, encode_column, numbers_in, pack_numbers
from sched_cache.format.excerpt import excerpt
from sched_cache.format.messagepack import pack, unpack

Rows = Sequence[Sequence[int]]


def transpose(rows: Rows) -> list[list[int]]:
    """The reversed edges of `rows`; the indices of each row ascend."""
    transposed: list[list[int]] = [[] for _ in rows]
    for index, row in enumerate(rows):
        for other in row:
            transposed[other].append(index)
    return transposed


def topological_order(downstream: Rows, upstream: Rows) -> list[int] | None:
    """All indices, every task before its downstream tasks; None if the edges have a cycle."""
    waiting = [len(row) for row in upstream]
    order = [index for index, n_upstream in enumerate(waiting) if not n_upstream]
    for index in order:  # the loop appends to the list
        for other in downstream[index]:
            waiting[other] -= 1
            if not waiting[other]:
                order.append(other)
    return order if len(order) == len(waiting) else None


def encode_graph(downstream: Rows, upstream: Rows) -> bytes:
    """Both directions in their wire form."""
    parts: list[bytes] = []
    for rows in (downstream, upstream):
        parts.append(encode_column([len(row) for row in rows], "degrees", None) if rows else b"")
        parts.append(pack_numbers([other for row in rows for other in row], max(len(rows) - 1, 0)))
    return pack(parts)


class Adjacency:
    """One direction of the graph: `adjacency[index]` is the index array of that task, read in place."""

    __slots__ = ("indices", "offsets")

    def __init__(self, indices: memoryview[int], offsets: array[int]) -> None:
        self.indices = indices
        self.offsets = offsets

    def __getitem__(self, index: int) -> memoryview[int]:
        offsets = self.offsets
        if index < 0:
            raise IndexError(index)
        return self.indices[offsets[index] : offsets[index + 1]]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def nbytes(self) -> int:
        """Resident bytes."""
        return self.indices.nbytes + sys.getsizeof(self.offsets) + 33 + 184 + 48


def decode_graph(packed: bytes, n_tasks: int) -> tuple[Adjacency, Adjacency]:
    """(downstream, upstream). One pass over the degrees and the indices to check them.

    Raises:
        FormatError: degrees and indices do not belong together, or an index is not a task.
    """
    parts = unpack(packed, "graph")
    if not isinstance(parts, list) or len(parts) != 4 or not all(isinstance(part, bytes) for part in parts):
        raise FormatError("graph is not four byte strings")
    return _adjacency(parts[0], parts[1], n_tasks), _adjacency(parts[2], parts[3], n_tasks)


def _adjacency(packed_degrees: bytes, packed_indices: bytes, n_tasks: int) -> Adjacency:
    if not n_tasks:
        return Adjacency(numbers_in(packed_indices, 0, 0, "graph"), array("Q", [0]))
    degrees = list(decode_column(packed_degrees, n_tasks, "degrees"))
    if set(map(type, degrees)) != {int} or min(degrees) < 0:
        raise FormatError("a degree is not a number")
    n_edges = sum(degrees)
    if n_edges > len(packed_indices):
        raise FormatError(f"graph has {len(packed_indices)} bytes for {excerpt(n_edges)} edges")
    indices: Any = numbers_in(packed_indices, n_edges, n_tasks, "graph")
    return Adjacency(indices, array("Q", accumulate(degrees, initial=0)))
