"""One field of many rows, in the smallest of four codings.

    [0, value]                          constant: every row has this value
    [1, [value, ...]]                   plain: one value per row
    [2, [value, ...], codes]            dictionary: row r has values[codes[r]]
    [3, [value, ...], common, n, rows, codes]   sparse: values[common] but for the n rows listed

A code equal to the number of values means that the row does not have the field, which differs from null.
Codes and rows are arrays of little-endian unsigned integers of 1, 2 or 4 bytes.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any, Final, Literal

from sched_cache.errors import FormatError
from sched_cache.format.excerpt import excerpt
from sched_cache.format.messagepack import canonical, check_json, pack, pack_loosely, unpack
from sched_cache.format.resident import resident_bytes

_CONSTANT, _PLAIN, _DICTIONARY, _SPARSE = 0, 1, 2, 3
_WIDTHS: Final[dict[int, Literal["B", "H", "I"]]] = {1: "B", 2: "H", 4: "I"}
_SLOT_BYTES: Final = 40
"""Memory of one more key in a mapping."""
_ABSENT_BYTES: Final = 4
"""Charge for a value that a row does not have: it takes no memory, but time to examine."""
_HASHABLE: Final = frozenset({str, int, bool, type(None)})


class _Absent:
    """The type of `ABSENT`."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = _Absent()
"""Marks a row that does not have the field. Null is None."""


def width_for(largest: int) -> int:
    """The smallest width in bytes that holds `largest`."""
    return 1 if largest < 1 << 8 else 2 if largest < 1 << 16 else 4


def pack_numbers(numbers: Sequence[int], largest: int) -> bytes:
    """`numbers` as little-endian unsigned integers of the width that `largest` needs."""
    packed = array(_WIDTHS[width_for(largest)], numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def numbers_in(data: Any, count: int, limit: int, what: str) -> memoryview[int]:
    """The `count` numbers in `data`, each below `limit`, read in place.

    Raises:
        FormatError: another type, length or range.
    """
    if not isinstance(data, bytes):
        raise FormatError(f"{what} is a {type(data).__name__}, expected bytes")
    width, rest = divmod(len(data), count) if count else (1, len(data))
    if rest or width not in _WIDTHS:
        raise FormatError(f"{what} has {len(data)} bytes for {excerpt(count)} numbers")
    if sys.byteorder == "big":
        swapped = array(_WIDTHS[width], data)
        swapped.byteswap()
        data = swapped.tobytes()
    numbers = memoryview(data).cast(_WIDTHS[width])
    if count and max(numbers) >= limit:
        raise FormatError(f"{what} has the number {max(numbers)}, the limit is {limit}")
    return numbers


def encode_column(values: Sequence[Any], path: str, dag_id: str | None, *, sort_keys: bool = True) -> bytes:
    """The smallest coding of `values`: one value per row, `ABSENT` for a row without the field.

    Linear in the values. Values get codes in the order of their first row, so equal columns give equal bytes.

    Raises:
        InvalidDagError: a value is not JSON.
    """
    codes, distinct = _codes_of(values, path, dag_id, sort_keys)
    n_rows, n_distinct = len(codes), len(distinct)
    if n_distinct == 1 and n_rows and values[0] is not ABSENT and max(codes) == 0:
        return b"\x92\x00" + distinct[0]
    table = _packed_array(distinct)
    largest = max(codes, default=0)
    candidates = [b"\x93\x02" + table + pack(pack_numbers(codes, largest))]
    if largest < n_distinct and n_distinct == n_rows:
        return b"\x92\x01" + table
    counts = Counter(codes)
    if largest < n_distinct:
        # The size is estimated first: a large value in many rows would be written once per row.
        n_bytes = sum(n_times * len(distinct[code]) for code, n_times in counts.items())
        if n_bytes < len(candidates[0]):
            candidates.append(b"\x92\x01" + _packed_array([distinct[code] for code in codes]))
    common, n_common = counts.most_common(1)[0] if codes else (0, 0)
    if (n_rows - n_common) * 4 < n_rows:
        rows = [row for row, code in enumerate(codes) if code != common]
        exceptions = [codes[row] for row in rows]
        candidates.append(
            b"\x96\x03"
            + table
            + pack(common)
            + pack(len(rows))
            + pack(pack_numbers(rows, rows[-1] if rows else 0))
            + pack(pack_numbers(exceptions, max(exceptions, default=0)))
        )
    return min(candidates, key=len)


def _packed_array(packed_values: Sequence[bytes]) -> bytes:
    n_values = len(packed_values)
    if n_values < 16:
        head = bytes([0x90 | n_values])
    elif n_values < 1 << 16:
        head = b"\xdc" + n_values.to_bytes(2, "big")
    else:
        head = b"\xdd" + n_values.to_bytes(4, "big")
    return head + b"".join(packed_values)


def _codes_of(
    values: Sequence[Any], path: str, dag_id: str | None, sort_keys: bool
) -> tuple[list[int], list[bytes]]:
    """A code for each value, and the packed value of each code."""
    kinds = set(map(type, values))
    kinds.discard(_Absent)
    if len(kinds) == 1 and kinds <= _HASHABLE:
        # One hashable type, so that 1, 1.0 and True stay distinct.
        firsts = dict.fromkeys(values)
        firsts.pop(ABSENT, None)
        distinct = [pack(canonical(value, path, dag_id, sort_keys=sort_keys)) for value in firsts]
        code_of: dict[Any, int] = {value: code for code, value in enumerate(firsts)}
        code_of[ABSENT] = len(distinct)
        return [code_of[value] for value in values], distinct

    seen: dict[bytes | None, int] = {}
    code_of_packed: dict[bytes, int] = {}
    codes: list[int] = []
    for value in values:
        if value is ABSENT:
            codes.append(-1)
            continue
        loose = pack_loosely(value)
        code = seen.get(loose) if loose is not None else None
        if code is None:
            code = code_of_packed.setdefault(
                pack(canonical(value, path, dag_id, sort_keys=sort_keys)), len(code_of_packed)
            )
            seen[loose] = code
        codes.append(code)
    absent = len(code_of_packed)
    return [absent if code < 0 else code for code in codes], list(code_of_packed)


class _SparseCodes:
    """The codes of a sparse column. They stay packed: expanding them would let 20 bytes allocate n_rows codes."""

    __slots__ = ("_common", "_exceptions", "_n_rows")

    def __init__(self, common: int, exceptions: dict[int, int], n_rows: int) -> None:
        self._common = common
        self._exceptions = exceptions
        self._n_rows = n_rows

    def __len__(self) -> int:
        return self._n_rows

    def __getitem__(self, row: int) -> int:
        if 0 <= row < self._n_rows:
            return self._exceptions.get(row, self._common)
        raise IndexError(row)

    def __iter__(self) -> Iterator[int]:
        get, common = self._exceptions.get, self._common
        return (get(row, common) for row in range(self._n_rows))

    @property
    def nbytes(self) -> int:
        return sys.getsizeof(self._exceptions) + 56


class Column(ABC):
    """One field of all rows. `column[row]` is the value, or `ABSENT`.

    `table`: the distinct values, followed by `ABSENT` if a row may lack the field. `codes`: one number per row,
    the index into `table`. Rows share values that are containers: do not change them.
    """

    __slots__ = ()

    table: Sequence[Any]
    codes: Sequence[int]

    @abstractmethod
    def __getitem__(self, row: int) -> Any: ...

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __iter__(self) -> Iterator[Any]: ...

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Resident bytes of the codes and the table."""


class _Coded(Column):
    __slots__ = ("codes", "table")

    def __init__(self, table: Sequence[Any], codes: Any) -> None:
        self.table = table
        self.codes = codes

    def __getitem__(self, row: int) -> Any:
        if row < 0:
            raise IndexError(row)
        return self.table[self.codes[row]]

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[Any]:
        return map(self.table.__getitem__, self.codes)

    @property
    def nbytes(self) -> int:
        codes = self.codes
        if isinstance(codes, memoryview):
            codes_bytes = codes.nbytes + 2 * sys.getsizeof(codes) + 33
        else:
            codes_bytes = codes.nbytes if isinstance(codes, _SparseCodes) else sys.getsizeof(codes)
        return codes_bytes + resident_bytes(self.table) + 48


class _Constant(Column):
    """A column with one value. It is small, because most columns of most DAGs are constant."""

    __slots__ = ("_n_rows", "_value")

    def __init__(self, value: Any, n_rows: int) -> None:
        self._value = value
        self._n_rows = n_rows

    @property
    def table(self) -> Sequence[Any]:  # type: ignore[override]  # read-only here
        return [self._value]

    @property
    def codes(self) -> Sequence[int]:  # type: ignore[override]  # read-only here
        return bytes(self._n_rows)

    def __getitem__(self, row: int) -> Any:
        if 0 <= row < self._n_rows:
            return self._value
        raise IndexError(row)

    def __len__(self) -> int:
        return self._n_rows

    def __iter__(self) -> Iterator[Any]:
        return repeat(self._value, self._n_rows)

    @property
    def nbytes(self) -> int:
        return 48 + resident_bytes(self._value)


def constant_column(value: Any, n_rows: int) -> Column:
    """A column in which every row has `value`; `ABSENT` for a field that no row has."""
    return _Constant(value, n_rows)


def check_spread(columns: Iterable[Column], limit_bytes: int, what: str) -> None:
    """Checks that every row can be given its own copy of its values.

    Twenty bytes of a column may give the same large value to all rows. Cost: a pass over the codes.

    Raises:
        FormatError: the copies would take more than `limit_bytes`.
    """
    n_bytes = 0
    for column in columns:
        sizes = [
            _ABSENT_BYTES if value is ABSENT else _SLOT_BYTES + _copied_bytes(value) for value in column.table
        ]
        if len(set(sizes)) == 1:
            n_bytes += sizes[0] * len(column)
        else:
            n_bytes += sum(map(sizes.__getitem__, column.codes))
        if n_bytes > limit_bytes:
            raise FormatError(
                f"{what} would take more than the limit of {limit_bytes} bytes when they are restored"
            )


def _copied_bytes(value: Any) -> int:
    return resident_bytes(value) if type(value) in (dict, list) else 0


def packed_columns_in(section: Any, what: str) -> dict[str, Any]:
    """`section`, checked to be a mapping of names to packed columns. No column is unpacked.

    Raises:
        FormatError: it is not such a mapping.
    """
    if not isinstance(section, dict) or set(map(type, section)) - {str}:
        raise FormatError(f"the columns of {what} are not a mapping of names")
    if set(map(type, section.values())) - {bytes}:
        raise FormatError(f"a column of {what} is not a byte string")
    return section


def decode_column(packed: bytes, n_rows: int, what: str) -> Column:
    """The column in `packed`.

    Raises:
        FormatError: an unknown coding, or codes that do not fit the rows or the values.
    """
    coded = unpack(packed, what)
    if not isinstance(coded, list) or not coded:
        raise FormatError(f"{what} is not a column")
    coding, *fields = coded
    if coding == _CONSTANT and len(fields) == 1:
        check_json(fields, what)
        return constant_column(fields[0], n_rows)
    table = fields[0] if fields else None
    if not isinstance(table, list):
        raise FormatError(f"{what} has no table of values")
    check_json(table, what)
    if coding == _PLAIN and len(fields) == 1:
        if len(table) != n_rows:
            raise FormatError(f"{what} has {len(table)} values for {n_rows} rows")
        return _Coded(table, range(n_rows))
    table.append(ABSENT)
    if coding == _DICTIONARY and len(fields) == 2:
        return _Coded(table, numbers_in(fields[1], n_rows, len(table), what))
    if coding == _SPARSE and len(fields) == 5:
        return _Coded(table, _sparse_codes(fields[1:], n_rows, len(table), what))
    raise FormatError(f"{what} has the unknown coding {excerpt(coding)} with {len(fields)} fields")


def _sparse_codes(fields: list[Any], n_rows: int, n_codes: int, what: str) -> _SparseCodes:
    common, n_exceptions, packed_rows, packed_codes = fields
    if type(common) is not int or not 0 <= common < n_codes:
        raise FormatError(f"{what} has the common code {excerpt(common)} for {n_codes} values")
    if type(n_exceptions) is not int or not 0 <= n_exceptions <= n_rows:
        raise FormatError(f"{what} has {excerpt(n_exceptions)} exceptions for {n_rows} rows")
    rows = numbers_in(packed_rows, n_exceptions, n_rows, what)
    codes = numbers_in(packed_codes, n_exceptions, n_codes, what)
    return _SparseCodes(common, dict(zip(rows, codes, strict=True)), n_rows)
