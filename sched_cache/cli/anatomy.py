"""The sizes of all pieces of both parts. Follows the layout that format/encoder.py documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sched_cache.errors import FormatError
from sched_cache.format.columns import packed_columns_in
from sched_cache.format.header import COLD, HOT, body_of
from sched_cache.format.messagepack import pack, unpack

_CODINGS = ("constant", "plain", "dictionary", "sparse")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of one part.

    part: "hot" or "cold". kind: such as "task field". name: the name of that field. coding, n_values: the coding of
    a column and its number of distinct values; None for other pieces.
    """

    part: str
    kind: str
    name: str
    n_bytes: int
    coding: str | None = None
    n_values: int | None = None


def pieces_of(hot: bytes, cold: bytes | None) -> list[Piece]:
    """Every piece, hot before cold, largest first; the last piece of each part is its remainder.

    Raises:
        FormatError: damaged.
    """
    parts = [("hot", hot, _hot_pieces(hot))]
    if cold is not None:
        parts.append(("cold", cold, _cold_pieces(cold)))
    pieces: list[Piece] = []
    for part, data, found in parts:
        named = sorted(found, key=lambda piece: (-piece.n_bytes, piece.kind, piece.name))
        rest = len(data) - sum(piece.n_bytes for piece in named)
        pieces += [*named, Piece(part, "header, lengths, names", "", rest)]
    return pieces


def _hot_pieces(hot: bytes) -> Iterator[Piece]:
    sections = _sections(body_of(hot, HOT), 8)
    dag_id, n_tasks, task_ids, digest, packed_fields, packed_columns, graph, groups = sections
    yield Piece("hot", "task ids", "", len(pack([dag_id, n_tasks, task_ids])))
    yield Piece("hot", "digest of the cold part", "", len(digest))
    yield Piece("hot", "graph", "", len(graph))
    if groups is not None:
        yield Piece("hot", "groups", "", len(groups))
    fields = unpack(packed_fields, "fields")
    for section, kind in (("dag", "dag field"), ("outer", "document field"), ("derived", "derived value")):
        yield from _fields("hot", kind, fields.get(section) if isinstance(fields, dict) else None)
    columns, derived = _sections(packed_columns, 2)
    yield from _columns("hot", "task field", columns)
    yield from _columns("hot", "derived column", derived)


def _cold_pieces(cold: bytes) -> Iterator[Piece]:
    shape, dag_fields, columns, group_columns = _sections(body_of(cold, COLD), 4)
    yield Piece("cold", "shape", "", len(pack(shape)))
    yield from _fields("cold", "dag field", dag_fields)
    yield from _columns("cold", "task field", columns)
    yield from _columns("cold", "group field", group_columns)


def _sections(packed: bytes, count: int) -> list[Any]:
    sections = unpack(packed, "sections")
    if not isinstance(sections, list) or len(sections) != count:
        raise FormatError(f"expected an array of {count} sections")
    return sections


def _fields(part: str, kind: str, fields: Any) -> Iterator[Piece]:
    if not isinstance(fields, dict):
        raise FormatError(f"the {kind}s are not a mapping")
    for name, value in fields.items():
        yield Piece(part, kind, str(name), len(pack({name: value})) - 1)


def _columns(part: str, kind: str, columns: Any) -> Iterator[Piece]:
    for name, packed in packed_columns_in(columns, f"{kind}s").items():
        column = unpack(packed, name)
        if not isinstance(column, list) or len(column) < 2 or column[0] not in range(len(_CODINGS)):
            raise FormatError(f"{kind} {name} is not a column")
        coding = _CODINGS[column[0]]
        n_values = 1 if coding == "constant" else len(column[1])
        yield Piece(part, kind, name, len(pack({name: packed})) - 1, coding, n_values)
