"""From the document to both parts."""

from __future__ import annotations

from enum import Enum
from random import Random
from threading import Thread
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sched_cache.errors import InvalidDagError
from sched_cache.format import content_hash_of, decode_dag, encode_dag, encoder, part_digest
from sched_cache.format.header import COLD, HOT, body_of
from sched_cache.format.messagepack import unpack
from tests.support.format.documents import document, documents, group, task
from tests.support.format.exact import assert_same


def _shuffled(value: Any, random: Random) -> Any:
    if isinstance(value, dict):
        return {key: _shuffled(value[key], random) for key in random.sample(list(value), len(value))}
    return [_shuffled(item, random) for item in value] if isinstance(value, list) else value


@given(documents(), st.integers())
def test_key_order_leaves_no_trace(serialized: dict[str, Any], seed: int) -> None:
    """The same DAG in any key order gives the same bytes, so the same content hash."""
    assert encode_dag(serialized) == encode_dag(_shuffled(serialized, Random(seed)))


def _orders(value: Any) -> Any:
    """`value` with each object as its pairs, so that `==` looks at their order."""
    if isinstance(value, dict):
        return [(key, _orders(item)) for key, item in value.items()]
    return [_orders(item) for item in value] if isinstance(value, list) else value


def _children(group: Any) -> Any:
    """The children of a group, in their order, as far as there are any."""
    if not isinstance(group, dict) or not isinstance(group.get("children"), dict):
        return group
    return [
        (label, _children(child[1]) if isinstance(child, list) and len(child) == 2 else child)
        for label, child in group["children"].items()
    ]


@given(documents(), st.integers())
def test_key_order_is_kept_on_request(serialized: dict[str, Any], seed: int) -> None:
    """With `sort_keys=False` objects inside of fields, and children of groups, come back in the order they had."""
    serialized = _shuffled(serialized, Random(seed))
    encoded = encode_dag(serialized, sort_keys=False)
    restored = decode_dag(encoded.hot, encoded.cold).to_serialized()
    assert_same(restored, serialized)
    for place in (lambda root: root, lambda root: root["dag"]):
        for name, value in place(serialized).items():
            if name not in ("dag", "tasks", "task_group", "_task_group"):
                assert _orders(place(restored)[name]) == _orders(value)
    for name in ("task_group", "_task_group"):
        if name in serialized["dag"]:
            before, after = serialized["dag"][name], restored["dag"][name]
            assert _children(after) == _children(before)
    for before, after in zip(serialized["dag"]["tasks"], restored["dag"]["tasks"], strict=True):
        old, new = (
            task["__var"] if isinstance(task.get("__var"), dict) else task for task in (before, after)
        )
        for name in set(old) - {"partial_kwargs"}:
            assert _orders(new[name]) == _orders(old[name])


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        (None, "absent"),
        ("1", 1),
        ([], {}),
        ("é", "e\u0301"),
        (2**64, 2.0**64),
    ],
)
@pytest.mark.parametrize("place", ["dag", "task", "outer", "group"])
def test_different_values_have_different_hashes(left: Any, right: Any, place: str) -> None:
    """Values that Python calls equal are different content, and null is not absent."""

    def hash_with(value: Any) -> str:
        extra = {} if value == "absent" else {"x": value}
        serialized = document(
            [task("a", **(extra if place == "task" else {})), "b"],
            task_group=group(None, {"a": None}, **(extra if place == "group" else {})),
            **(extra if place == "dag" else {}),
        )
        return encode_dag({**serialized, **(extra if place == "outer" else {})}).content_hash

    assert hash_with(left) != hash_with(right)


def test_enumerations_tuples_and_mappings_are_what_json_makes_of_them() -> None:
    """The bytes are those of the document after `json.dumps` and `json.loads`."""

    class Key(str, Enum):
        TYPE = "__type"

    plain = document([task("a", ["b"], x=["y"]), "b"], t={"__type": "set"})
    rich = document([task("a", ("b",), x=("y",)), "b"], t={Key.TYPE: "set"})
    rich["dag"]["tasks"] = tuple(rich["dag"]["tasks"])
    rich["dag"]["dag_id"] = Enum("Id", {"D": "d"}, type=str).D  # type: ignore[attr-defined]  # made on the spot
    assert encode_dag(MappingProxyType(rich)) == encode_dag(plain)


@given(documents())
def test_the_hash_names_both_parts(serialized: dict[str, Any]) -> None:
    """It is the hot part's, which holds the digest of the cold one."""
    encoded = encode_dag(serialized)
    assert encoded.content_hash == content_hash_of(encoded.hot)
    assert unpack(body_of(encoded.hot, HOT), "body")[3] == part_digest(encoded.cold)
    body_of(encoded.cold, COLD)


def test_absent_and_null_differ() -> None:
    """Of a field, of a column and of a whole structure."""
    dag = decode_dag(encode_dag(document([task("a", x=None), "b"], y=None)).hot)
    assert dag.cold_column_names == {"x"} and dag.cold_field_names == {"y"}
    for serialized in (
        document([task("a", x=None), task("b")], y=None),
        document([task("a", downstream_task_ids=[]), task("b")], task_group=None),
    ):
        encoded = encode_dag(serialized)
        assert_same(decode_dag(encoded.hot, encoded.cold).to_serialized(), serialized)


def test_a_part_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that no reader would accept is not written."""
    monkeypatch.setattr(encoder, "MAX_PART_BYTES", 1000)
    with pytest.raises(InvalidDagError, match="the limit is 1000") as caught:
        encode_dag(document(["a"], doc_md="x" * 1000))
    assert (caught.value.dag_id, caught.value.field) == ("d", "document")


def test_threads_that_encode_at_once_do_not_disturb_each_other() -> None:
    """Nothing is shared between two calls."""
    serialized = [document([task(f"t{n}", x=[n] * n) for n in range(size)]) for size in (1, 20, 60)]
    expected = [encode_dag(each) for each in serialized]
    wrong: list[int] = []

    def encode_often(which: int) -> None:
        wrong.extend(which for _ in range(30) if encode_dag(serialized[which]) != expected[which])

    threads = [Thread(target=encode_often, args=(which,)) for which in (0, 1, 2, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_hundred_thousand_tasks() -> None:
    """Large DAGs are encoded and come back; an index then takes four bytes."""
    n_tasks = 100_000
    tasks = [
        task(f"t{n}", [f"t{n + 1}"] if n + 1 < n_tasks else (), pool=f"p{n % 3}", retries=1)
        for n in range(n_tasks)
    ]
    serialized = document(tasks)
    encoded = encode_dag(serialized)
    dag = decode_dag(encoded.hot, encoded.cold)
    assert dag.n_tasks == n_tasks
    index = dag.index("t70000")
    assert (dag.upstream(index).tolist(), dag.downstream(index).tolist()) == ([69_999], [70_001])
    assert dag.value(index, "pool") == "p1"
    assert dag.derived_column("weight.downstream")[index] == 30_000
    assert dag.to_serialized() == serialized


def test_five_megabytes_of_documentation() -> None:
    """A large text is stored once, in the cold part, and does not slow down the hot one."""
    text = "# Straße\n" * 550_000
    serialized = document([task("a", doc_md=text), task("b", doc_md=text)], doc_md=text)
    encoded = encode_dag(serialized)
    assert len(encoded.hot) < 1000
    assert len(encoded.cold) < 2.1 * len(text.encode())
    assert_same(decode_dag(encoded.hot, encoded.cold).to_serialized(), serialized)
