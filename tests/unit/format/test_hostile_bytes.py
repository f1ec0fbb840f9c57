"""Bytes that somebody damaged or made up, against every accessor of a decoded DAG."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from random import Random
from typing import Any

import msgpack
import pytest

from sched_cache.errors import FormatError
from sched_cache.format import CompactDag, decode_dag, encode_dag
from sched_cache.format.header import COLD, HOT, add_header
from sched_cache.format.messagepack import unpack
from tests.support.format.accessors import accessors, refusals
from tests.support.format.documents import document, group, task
from tests.support.format.hostile import cold_part, constant, hot_part, matching, nested, packed, resealed

DOCUMENT = document(
    [
        task("a", ["b"], pool="p", x={"k": [1]}),
        task("b", partial_kwargs={"retries": 1}),
        task("ü", is_setup=True),
    ],
    task_group=group(None, {"a": None, "g": group("g", {"b": None}, is_mapped=True)}),
    timetable={"__type": "t"},
    doc_md="text",
)
ENCODED = encode_dag(DOCUMENT)
HUGE = b"\xc8\x20\x00\x01" + b"\x7f" * 0x2000
"""MessagePack of an integer with 20,000 digits."""


def _refused(hot: bytes, cold: bytes | None = ENCODED.cold) -> list[str]:
    """Why the DAG or its accessors were refused; anything but the errors allowed goes through."""
    try:
        dag = decode_dag(hot, cold)
    except FormatError as error:
        return [error.reason]
    return list(refusals(dag).values())


@pytest.mark.parametrize("part", ["hot", "cold"])
def test_no_truncation_gets_through(part: str) -> None:
    """Every shorter prefix of either part is refused, and so is a longer one."""
    data = getattr(ENCODED, part)
    for damaged in (*(data[:length] for length in range(len(data))), data + b"\xc0"):
        assert _refused(damaged) if part == "hot" else _refused(ENCODED.hot, damaged)


@pytest.mark.parametrize("part", ["hot", "cold"])
def test_no_flipped_bit_gets_through(part: str) -> None:
    """Every single bit of either part, header included."""
    data = getattr(ENCODED, part)
    for bit in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        assert _refused(bytes(damaged)) if part == "hot" else _refused(ENCODED.hot, bytes(damaged))


@pytest.mark.parametrize("part", [HOT, COLD])
def test_damage_behind_a_valid_checksum_is_survived(part: int) -> None:
    """Every byte changed to a few others, and every truncation, under a header that holds: no other error."""
    random = Random(2)
    data = ENCODED.hot if part == HOT else ENCODED.cold
    for at in range(16, len(data)):
        for byte in (0x00, 0x80, 0x90, 0xC0, 0xC1, 0xC4, 0xCF, 0xD4, 0xDD, 0xDF, random.randrange(256)):
            damaged = resealed(data[:at] + bytes([byte]) + data[at + 1 :], part)
            if part == HOT:
                _refused(damaged)
            else:
                dag = decode_dag(*matching(damaged))
                assert isinstance(refusals(dag), dict)
        assert _refused(resealed(data[:at], HOT))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc0",
        packed([]),
        packed({}),
        packed("abcdefgh"),
        packed(b"abcdefgh"),
        packed({str(number): number for number in range(8)}),
        packed([1] * 7),
        packed([1] * 9),
        nested(1),
        nested(200),
        nested(1000),
        nested(100_000),
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\x7f\xff\xff\xff" * 3,
        b"\xc6\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\x98" + b"\xdc\xff\xff" * 8,
        HUGE,
        packed(msgpack.Timestamp(1)),
        packed([msgpack.Timestamp(1)] * 8),
    ],
    ids=lambda body: body[:8].hex(),
)
def test_a_hot_body_of_another_shape_is_refused(body: bytes) -> None:
    """Other types, huge claims, deep nesting: `FormatError` at once."""
    with pytest.raises(FormatError):
        decode_dag(add_header(HOT, body))


@pytest.mark.parametrize(
    ("hot", "reason"),
    [
        ({"dag_id": None}, "has other types"),
        ({"dag_id": b"d"}, "has other types"),
        ({"n_tasks": True}, "has other types"),
        ({"n_tasks": 3.0}, "has other types"),
        ({"n_tasks": -1}, "for the ids of -1 tasks"),
        ({"n_tasks": 7}, "7 bytes for the ids of 7 tasks"),
        ({"n_tasks": 2}, "not an array of 2"),
        ({"n_tasks": 4}, "not an array of 4"),
        ({"task_ids": {}, "n_tasks": 0}, "not an array of 0"),
        ({"task_ids": b"\xc1" * 9}, "task ids is not valid MessagePack"),
        ({"task_ids": "abc"}, "not an array of 3"),
        ({"task_ids": [1, 2, 3]}, "task id is not a string"),
        ({"task_ids": ["a", None]}, "task id is not a string"),
        ({"task_ids": ["a", b"b"]}, "task id is not a string"),
        ({"task_ids": [["a"]]}, "task id is not a string"),
        ({"cold_digest": "text"}, "has other types"),
        ({"cold_digest": None}, "has other types"),
        ({"groups": False}, "not a count"),
    ],
)
def test_names_must_be_strings(hot: dict[str, Any], reason: str) -> None:
    """Ids, their number, and the types around them, are checked when a DAG is decoded, or when first used."""
    [first, *_] = _refused(hot_part(**hot))
    assert reason in first


def test_a_task_id_that_occurs_twice_is_refused() -> None:
    """As soon as an index is made of the ids."""
    ids = [f"t{number}" for number in range(20)] + ["t7"]
    with pytest.raises(FormatError, match="twice"):
        _indexed(decode_dag(hot_part(task_ids=ids)))


def _indexed(dag: CompactDag) -> CompactDag:
    """`dag` after so many look-ups that it has an index."""
    for _ in range(3):
        dag.index(dag.task_ids[0])
    return dag


FIELDS = {"outer": {}, "dag": {}, "derived": {}, "cold_dag": [], "cold_task": []}


@pytest.mark.parametrize(
    ("hot", "reason"),
    [
        ({"fields": b"\xc1"}, "fields is not valid MessagePack"),
        ({"fields": b""}, "fields is not valid MessagePack"),
        ({"fields": []}, "fields is not a mapping"),
        ({"fields": {}}, "is a NoneType, expected a"),
        *(({"fields": {**FIELDS, name: 1}}, f"fields.{name} is a int") for name in FIELDS),
        ({"fields": {**FIELDS, "cold_task": [["x"]]}}, "not a string"),
        ({"fields": {**FIELDS, "cold_dag": [1]}}, "not a string"),
        ({"fields": {**FIELDS, "dag": {b"k": 1}}}, "key that is not a string"),
        ({"fields": {**FIELDS, "dag": {"k": b"v"}}}, "not a JSON value"),
        ({"fields": {**FIELDS, "dag": {"k": msgpack.Timestamp(1)}}}, "not a JSON value"),
        ({"fields": {**FIELDS, "dag": {"k": msgpack.ExtType(9, b"")}}}, "extension type 9"),
        ({"fields": b"\x81\x01\x02"}, "not valid MessagePack"),
        ({"fields": {**FIELDS, "labels": []}}, "fields.labels is a list"),
        ({"fields": {**FIELDS, "labels": {"host_hash": 1}}}, "label host_hash is a int"),
        ({"fields": b"\x81\xa3dag" + nested(400)}, "nested deeper"),
        ({"column_section": {}}, "columns is not a pair"),
        ({"column_section": [{}]}, "columns is not a pair"),
        ({"column_section": [[], {}]}, "mapping of names"),
        ({"column_section": [{}, {b"simple": constant(1)}]}, "mapping of names"),
        ({"columns": {"pool": 1}}, "not a byte string"),
        ({"columns": {"pool": b""}}, "pool is not valid MessagePack"),
        ({"columns": {"pool": b"\x92\x00" + nested(1000)}}, "nested deeper"),
        ({"columns": {"pool": packed([3, [1], 0, 1 << 40, b"", b""])}}, "exceptions for 3 rows"),
        (
            {"columns": {"pool": b"\x96\x03\x91\x01\x00" + HUGE + b"\xc4\x00\xc4\x00"}},
            "<int> exceptions for 3 rows",
        ),
        ({"columns": {"pool": b"\x96\x03\x91\x01" + HUGE + b"\x00\xc4\x00\xc4\x00"}}, "common code <int>"),
        ({"columns": {"pool": b"\x92" + HUGE + b"\x90"}}, "unknown coding <int>"),
        ({"columns": {"pool": packed([2, ["p"], b"\x00\x01\x02"])}}, "number 2, the limit is 2"),
        ({"derived": {"simple": packed([1, [1, 2]])}}, "simple has 2 values for 3 rows"),
        (
            {"graph": None, "task_ids": ["a", "b"], "columns": {"retries": packed([1, [1]])}},
            "1 values for 2 rows",
        ),
        ({"graph": b"\xc0"}, "graph is not four byte strings"),
        ({"graph": [constant(1), b"\x00\x01\x03", constant(0), b""]}, "number 3, the limit is 3"),
        ({"graph": [b"\x92\x00" + HUGE, b"", constant(0), b""]}, "<int> edges"),
        ({"groups": b"\xc1"}, "groups is not valid MessagePack"),
        ({"groups": [2, b"\x00\x02", {}]}, "before its parent"),
        ({"groups": b"\x93" + HUGE + b"\xc4\x00\x80"}, "<int> numbers"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_hostile_section_is_refused_where_it_is_read(hot: dict[str, Any], reason: str) -> None:
    """Some accessor refuses and says why; all the others answer or refuse, too, and none fails otherwise."""
    assert any(reason in refusal for refusal in _refused(hot_part(**hot)))


@pytest.mark.parametrize(
    "cold", [cold_part(columns={"doc_md": constant(b"x")}), cold_part(body=[{}, {}, {}, {}])]
)
def test_a_hostile_cold_part_of_the_right_digest_is_refused(cold: bytes) -> None:
    """The digest only says whose it is."""
    fields = {**FIELDS, "cold_task": ["doc_md"], "cold_dag": ["doc_md"]}
    assert any("missing" not in reason for reason in _refused(*matching(cold, fields=fields)))


N = 40_000
AMPLIFIERS = {
    "empty arrays in a column": {"columns": {"pool": b"\x92\x01\xdc" + N.to_bytes(2, "big") + b"\x90" * N}},
    "empty objects in a column": {"columns": {"pool": b"\x92\x00\xdc" + N.to_bytes(2, "big") + b"\x80" * N}},
    "empty objects in a field": {"fields": packed({**FIELDS, "dag": {"x": [{}] * N}})},
    "empty arrays for a body": {"task_ids": [[]] * N},
    "many columns": {"columns": {f"{number:x}": constant(None) for number in range(N // 8)}},
    "many fields": {"fields": {**FIELDS, "dag": {f"{number:x}": None for number in range(N // 4)}}},
    "many tasks": {"task_ids": [f"{number:x}" for number in range(N)]},
    "tasks without a name": {"task_ids": [""] * N},
    "many groups": {"groups": [N, b"\x00\x00" + b"\x01\x00" * (N - 1), {"is_mapped": constant(True)}]},
    "many exceptions": {
        "task_ids": [""] * N,
        "columns": {
            "pool": packed([3, [0], 0, N, b"".join(n.to_bytes(2, "little") for n in range(N)), b"\x00" * N])
        },
    },
    "big integers": {
        "columns": {"pool": b"\x92\x00\xdc" + (N // 3).to_bytes(2, "big") + b"\xd4\x01\x7f" * (N // 3)}
    },
    "wide characters": {"dag_id": "x" * N + "🚲", "task_ids": ["x" * N + "🚲"]},
    "nested arrays": {"columns": {"pool": b"\x92\x00\xdc\x01\x00" + nested(150) * 256}},
    "a huge claim": {"columns": {"pool": b"\x92\x00\xdd\x7f\xff\xff\xff" + b"\x90" * N}},
    "claims in claims": {"columns": {"pool": b"\x92\x00" + b"\xdc\xff\xff" * 500}},
}
BYTES_PER_BYTE, FIXED_BYTES = 100, 200_000


def _read_all(hot: bytes) -> CompactDag | None:
    """The DAG after every accessor was called, None if it is refused."""
    try:
        dag = decode_dag(hot)
    except FormatError:
        return None
    for name, call in accessors(dag):
        if name == "tasks":  # from here on objects and rows are made for each task on request
            break
        if not name.startswith(("value", "effective", "upstream", "downstream")):  # lists of the test's own
            with suppress(FormatError):
                call()
    return dag


@pytest.mark.parametrize("amplifier", AMPLIFIERS)
def test_memory_is_bounded_by_the_input(amplifier: str) -> None:
    """Decoding and every accessor of the hot part allocate at most 100 bytes per byte and 200 KB.

    An empty array or object takes one byte on the wire and at least 72 in Python: there is nothing smaller.
    """
    hot = hot_part(**AMPLIFIERS[amplifier])
    read = _read_all(hot)  # interns the keys: the interpreter's table of them may double, at anybody's word
    tracemalloc.start()
    try:
        assert (_read_all(hot) is None) == (read is None)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    print(f"{amplifier}: {peak / len(hot):.0f} bytes per byte")
    assert peak <= BYTES_PER_BYTE * len(hot) + FIXED_BYTES


IDS = [f"{number:04x}" for number in range(5_000)]
LARGE = {str(number): "x" for number in range(2_000)}
BOMBS = {
    "one large value in all tasks": (
        cold_part(columns={"x": constant(LARGE)}),
        {},
    ),
    "an envelope": (cold_part(shape={"envelope": constant(LARGE)}), {}),
    "many columns": (cold_part(columns={f"x{number}": constant(None) for number in range(5_000)}), {}),
    "many columns that no task has": (
        cold_part(columns={f"x{n}": packed([3, [], 0, 0, b"", b""]) for n in range(30_000)}),
        {},
    ),
    "one large value in all groups": (
        cold_part(groups={"x": constant(LARGE), "_group_id": constant("g")}),
        {"groups": [5_000, b"\x00\x00" + b"\x01\x00" * 4_999, {}]},
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_rows_have_in_common_is_not_copied_without_bound(bomb: str) -> None:
    """Some kilobytes of parts that say gigabytes of document."""
    cold, sections = BOMBS[bomb]
    hot, cold = matching(cold, task_ids=IDS, **sections)
    assert len(hot) + len(cold) < 1_000_000
    dag = decode_dag(hot, cold)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="when they are restored"):
            dag.to_serialized()
        assert tracemalloc.get_traced_memory()[1] < 1 << 26
    finally:
        tracemalloc.stop()


def test_a_large_dag_of_few_bytes_is_restored() -> None:
    """Sixty columns with one value each are what most DAGs are made of."""
    columns = {f"x{number}": constant("value") for number in range(60)}
    hot, cold = matching(cold_part(columns=columns), task_ids=[f"{n:05x}" for n in range(50_000)])
    assert len(decode_dag(hot, cold).to_serialized()["dag"]["tasks"]) == 50_000


@pytest.mark.parametrize("one", [b"\x90", b"\x80", b"\x81\xa0\xc0", b"\x91\xc0"])
def test_containers_are_bounded(one: bytes) -> None:
    """Each takes 60 to 230 bytes of memory, and one to three here; deflate makes a thousandth of it."""
    data = b"\xdd" + (2 << 20).to_bytes(4, "big") + one * (2 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="more than 1048576 arrays and mappings"):
            unpack(data, "value")
        assert tracemalloc.get_traced_memory()[1] < 1 << 26
    finally:
        tracemalloc.stop()


def test_text_is_no_container() -> None:
    """Its bytes look like their beginnings in many alphabets."""
    text = "\N{CYRILLIC SMALL LETTER ER}" * (3 << 20)
    assert unpack(packed(text), "value") == text
