"""From both parts back to the document."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sched_cache.errors import FormatError, InvalidDagError
from sched_cache.format import decode_dag, encode_dag
from sched_cache.format.messagepack import MAX_DEPTH
from tests.support.format.documents import document, group, task
from tests.support.format.exact import assert_same
from tests.support.format.hostile import cold_part, constant, matching, nested, packed


def _nested(depth: int) -> Any:
    value: Any = 0
    for level in range(depth):
        value = [value] if level % 2 else {"k": value}
    return value


PLACES = {
    "beside dag": lambda value: {**document(["a"]), "x": value},
    "in dag": lambda value: document(["a"], x=value),
    "in dag, hot": lambda value: document(["a"], params=value),
    "in a task": lambda value: document([task("a", x=value), "b"]),
    "in a task, hot": lambda value: document([task("a", outlets=value), "b"]),
    "in partial_kwargs": lambda value: document([task("a", partial_kwargs={"pool": value})]),
    "in a group": lambda value: document(["a"], task_group=group(None, {"a": None}, x=value)),
    "in client_defaults": lambda value: {**document(["a"]), "client_defaults": {"tasks": {"pool": value}}},
    "in an envelope": lambda value: {
        "dag": {"dag_id": "d", "tasks": [{"__type": value, "__var": {"task_id": "a"}}]},
    },
    "in place of the groups": lambda value: document(["a"], task_group=value),
    "in place of partial_kwargs": lambda value: document([task("a", partial_kwargs=value), "b"]),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize(
    "value",
    [None, True, 1, 1.0, -0.0, 1 << 80, -(1 << 63), "", "\ud800\udfff", "🚲", [], {}, [[]], {"": {}}],
    ids=repr,
)
def test_every_value_comes_back_from_every_place(place: Any, value: Any) -> None:
    """Hot or cold, of the DAG, a task, a group or beside them all."""
    serialized = place(value)
    encoded = encode_dag(serialized)
    assert_same(decode_dag(encoded.hot, encoded.cold).to_serialized(), serialized)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_whatever_may_be_written_may_be_read(place: Any) -> None:
    """The deepest nesting that the encoder takes anywhere, the reader takes there, too."""
    for depth in range(MAX_DEPTH - 6, MAX_DEPTH + 1):
        serialized = place(_nested(depth))
        try:
            encoded = encode_dag(serialized)
        except InvalidDagError as error:
            assert "nested deeper" in error.reason
            continue
        assert_same(decode_dag(encoded.hot, encoded.cold).to_serialized(), serialized)


@given(st.lists(st.sampled_from(["missing", None, [], ["b"], ["b", "a", "b"]]), min_size=2, max_size=5))
def test_edges_are_spelled_as_they_were(edges: list[Any]) -> None:
    """No field, an empty one and one with edges are three things; null is refused elsewhere."""
    names = "abcde"
    rows = [
        {"task_id": names[place]} | ({} if row in ("missing", None) else {"_downstream_task_ids": row})
        for place, row in enumerate(edges)
    ]
    serialized = {"dag": {"_dag_id": "d", "tasks": rows}}
    encoded = encode_dag(serialized)
    assert_same(decode_dag(encoded.hot, encoded.cold).to_serialized(), serialized)


def test_envelopes_and_bare_tasks_may_stand_side_by_side() -> None:
    """An envelope may hold more than a type, and a bare task may have a field called `__var`."""
    serialized = {
        "dag": {
            "dag_id": "d",
            "tasks": [
                {"__type": "operator", "__var": {"task_id": "a"}, "extra": [1]},
                {"task_id": "b"},
                {"__var": {"task_id": "c"}},
                {"task_id": "d", "__var": "text", "__type": "operator"},
            ],
        }
    }
    encoded = encode_dag(serialized)
    assert_same(decode_dag(encoded.hot, encoded.cold).to_serialized(), serialized)


@pytest.mark.parametrize(
    ("cold", "reason"),
    [
        ({"shape": []}, "not four mappings"),
        ({"shape": {"dag_id_name": "name"}}, "shape has the name 'name'"),
        ({"shape": {"dag_id_name": None}}, "shape has the name None"),
        ({"shape": {"dag_id_name": [1]}}, "shape has the name <list>"),
        ({"shape": {"edge_name": 1}}, "shape has the name 1"),
        ({"shape": {"has_edges": None}}, "no column has_edges"),
        ({"shape": {"has_edges": packed([1, [True]])}}, "1 values for 3 rows"),
        ({"shape": {"envelope": "text"}}, "no column envelope"),
        ({"shape": {"envelope": constant(1)}}, "an envelope is a int"),
        ({"shape": {"envelope": b"\x92\x00" + nested(300)}}, "deeper"),
        (
            {"shape": {"split_partials": True}, "columns": {"partial_kwargs.x": constant(1)}},
            "without partial_kwargs",
        ),
        (
            {
                "shape": {"split_partials": 1},
                "columns": {"partial_kwargs": constant(1), "partial_kwargs.x": constant(1)},
            },
            "without partial_kwargs",
        ),
    ],
)
def test_a_hostile_shape_is_refused(cold: dict[str, Any], reason: str) -> None:
    """Names come from a fixed list, columns fit the tasks, keywords find their `partial_kwargs`."""
    with pytest.raises(FormatError, match=reason):
        decode_dag(*matching(cold_part(**cold))).to_serialized()


@pytest.mark.parametrize(
    ("groups", "group_of", "cold", "reason"),
    [
        ([1, b"\x00", {}], constant(1), {}, "group that does not exist"),
        ([1, b"\x00", {}], constant(-1), {}, "group that does not exist"),
        ([1, b"\x00", {}], constant(None), {}, "group that does not exist"),
        ([1, b"\x00", {}], constant(True), {}, "group that does not exist"),
        ([1, b"\x00", {}], constant(0), {"groups": {"x": packed([1, [1, 2]])}}, "2 values for 1 rows"),
        ([1, b"\x00", {}], constant(0), {"groups": {"x": 1}}, "not a byte string"),
        ([1, b"\x00", {}], constant(0), {"shape": {"group_name": "tasks"}}, "shape has the name 'tasks'"),
        ([2, b"\x00\x01", {}], constant(0), {}, "has no id"),
        ([2, b"\x00\x01", {"_group_id": constant(1)}], constant(0), {}, "has no id"),
    ],
)
def test_a_hostile_tree_is_refused(groups: Any, group_of: bytes, cold: dict[str, Any], reason: str) -> None:
    """Groups that tasks are in exist, have ids, and stand under a name that a document has."""
    dag = decode_dag(*matching(cold_part(**cold), groups=groups, derived={"group": group_of}))
    with pytest.raises(FormatError, match=reason):
        dag.to_serialized()


@pytest.mark.parametrize("name", ["task_id", "downstream_task_ids", "children", "__var", "", "\ud800"])
def test_a_column_may_have_any_name(name: str) -> None:
    """A hostile column replaces at most its own task's field."""
    cold = cold_part(columns={name: constant({"a": [1]})}, groups={name: constant("x")})
    dag = decode_dag(
        *matching(cold, columns={name: constant(1)}, groups=[1, b"\x00", {}], derived={"group": constant(0)})
    )
    try:
        restored = dag.to_serialized()
    except FormatError:
        return
    assert len(restored["dag"]["tasks"]) == 3
