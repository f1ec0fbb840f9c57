"""The targets of the fuzzer, each with a way to damage an input and the allowed answers of the format."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

from msgpack import UnpackException

from sched_cache.errors import FormatError, InvalidDagError
from sched_cache.format import EncodedDag, compress, decode_dag, decompress, encode_dag
from sched_cache.format.header import COLD, HEADER_BYTES, HOT, add_header, part_digest
from tests.fuzz.mutation import damaged_bytes, damaged_value, fold, unfold
from tests.support.format.accessors import accessors, refusals
from tests.support.format.exact import assert_same

MAX_INPUT_BYTES = 32 << 10
"""Damage may double an input; one that outgrows this is not used again."""

BYTES_PER_BYTE, FIXED_BYTES = 100, 256 << 10
"""The limits of allocations by decoding and all accessors except `to_serialized`: per byte of input, and fixed."""

Answer = frozenset[str]
"""How the format answered: one string per kind of refusal, empty if it took the input."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something to fuzz.

    seeds: inputs that are taken. damaged: an input near another. answer_to: raises what must not happen.
    """

    seeds: Callable[[Iterable[Any]], list[Any]]
    damaged: Callable[[Any, Random], Any]
    answer_to: Callable[[Any], Answer]


def _parts(documents: Iterable[Any]) -> list[Any]:
    return [(encoded.hot, encoded.cold) for encoded in map(encode_dag, documents)]


def _damaged_parts(parts: Any, random: Random) -> Any:
    hot, cold = parts
    if random.random() < 0.05:
        return (
            (damaged_bytes(hot, random), cold)
            if random.random() < 0.5
            else (hot, damaged_bytes(cold, random))
        )
    try:
        hot_body, cold_body = hot[HEADER_BYTES:], cold[HEADER_BYTES:]
        if random.random() < 0.4:
            if random.random() < 0.2:
                cold_body = damaged_bytes(cold_body, random)
            else:
                cold_body = fold(damaged_value(unfold(cold_body), random))
            cold = add_header(COLD, cold_body)
            body = unfold(hot_body)
            if type(body) is list and len(body) > 2:
                body[2] = part_digest(cold)
            hot_body = fold(body)
        elif random.random() < 0.2:
            hot_body = damaged_bytes(hot_body, random)
        else:
            hot_body = fold(damaged_value(unfold(hot_body), random))
        return add_header(HOT, hot_body), cold
    except (ValueError, TypeError, OverflowError, RecursionError, UnpackException):  # not to be (un)packed
        return damaged_bytes(hot, random), cold


def _damaged_document(document: Any, random: Random) -> Any:
    try:
        return damaged_value(deepcopy(document), random)
    except RecursionError:
        return document


def _decode(parts: Any) -> Answer:
    hot, cold = parts
    try:
        dag = decode_dag(hot, cold)
    except FormatError as error:
        return frozenset([error.reason])
    return frozenset(refusals(dag).values())


def _bounded_decode(parts: Any) -> Answer:
    """As `_decode`, with an eye on memory."""
    limit = BYTES_PER_BYTE * sum(map(len, parts)) + FIXED_BYTES
    answer, peak = _traced_decode(parts)
    if peak > limit:  # once is not enough: the interpreter may have enlarged its table of strings meanwhile
        answer, peak = _traced_decode(parts)
    assert peak <= limit, f"decoding {sum(map(len, parts))} bytes allocated {peak}, the limit is {limit}"
    return answer


def _traced_decode(parts: Any) -> tuple[Answer, int]:
    hot, cold = parts
    answer: Answer = frozenset()
    tracemalloc.start()
    try:
        dag = decode_dag(hot, cold)
        for name, call in accessors(dag):
            if name == "tasks":  # and what follows: these make an object or a row a task
                break
            call()
    except FormatError as error:
        answer = frozenset([error.reason])
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return answer, peak


def _encode(document: Any) -> Answer:
    try:
        encoded: EncodedDag = encode_dag(document)
    except InvalidDagError as error:
        assert error.field and error.reason in str(error)
        return frozenset([error.reason])
    dag = decode_dag(encoded.hot, encoded.cold, content_hash=encoded.content_hash)
    assert_same(dag.to_serialized(), document)
    assert not refusals(dag)
    return frozenset()


def _decompress(data: Any) -> Answer:
    try:
        assert len(decompress(data, MAX_INPUT_BYTES)) <= MAX_INPUT_BYTES
    except FormatError as error:
        return frozenset([error.reason])
    return frozenset()


TARGETS = {
    "decode": Target(_parts, _damaged_parts, _decode),
    "memory": Target(_parts, _damaged_parts, _bounded_decode),
    "encode": Target(list, _damaged_document, _encode),
    "decompress": Target(
        lambda documents: [compress(part) for parts in _parts(documents) for part in parts],
        damaged_bytes,
        _decompress,
    ),
}
SHARES = {"decode": 60, "memory": 5, "encode": 30, "decompress": 5}
"""How often each target's turn comes, in per cent."""
