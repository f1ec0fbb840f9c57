"""Bytes of memory that values take."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

import msgpack
import pytest

from sched_cache.format.resident import resident_bytes

SAMPLES = {
    "texts": ["a text of some length" * 3, "ü" * 50, "🚲" * 20],
    "numbers": [1.5, 2.5, 1 << 40, 1 << 100, 3, None, True],
    "nested": {"k1": [1, [2.5, ["x" * 40]], {}], "k2": {"k1": {"k2": [300, 301]}}},
    "empty": [[], {}, "", b""],
    "bytes": [b"x" * 100, b"y"],
    "many keys": {f"key {number}": number * 1000 for number in range(60)},
}

_COPIES = 200


def _allocated(make: Callable[[], object]) -> float:
    """Bytes for one, of many: a few would come from the interpreter's free lists, uncounted."""
    keep = [make()]  # interns the keys
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        keep += [make() for _ in range(_COPIES)]
        return (tracemalloc.get_traced_memory()[0] - before) / _COPIES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("value", SAMPLES.values(), ids=SAMPLES.keys())
def test_the_estimate_is_what_unpacking_allocates(value: object) -> None:
    """Within 15 % and the granularity of small allocations."""
    packed = msgpack.packb(value, default=lambda big: msgpack.ExtType(1, big.to_bytes(20, "big")))
    ext = lambda _, data: int.from_bytes(data, "big")  # noqa: E731
    unpacked = msgpack.unpackb(packed, ext_hook=ext)
    allocated = _allocated(lambda: msgpack.unpackb(packed, ext_hook=ext))
    assert abs(resident_bytes(unpacked) - allocated) <= 0.15 * allocated + 100


def test_what_the_interpreter_shares_counts_nothing() -> None:
    """None, booleans and small integers exist anyway; keys are interned."""
    assert [resident_bytes(value) for value in (None, True, 0, 256)] == [0, 0, 0, 0]
    assert resident_bytes({"k": None}) == resident_bytes({"another, longer key": None})
