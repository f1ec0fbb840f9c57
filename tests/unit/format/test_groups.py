"""The tree of task groups as rows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from sched_cache.errors import FormatError, InvalidDagError
from sched_cache.format import ABSENT, CompactDag, decode_dag, encode_dag
from sched_cache.format.groups import closest_mapped, decode_groups, flatten, unflatten
from tests.support.format.documents import document, documents, group
from tests.support.format.exact import assert_same
from tests.support.format.hostile import constant, packed

NESTED = group(
    None,
    {
        "root task": None,
        "outer": group(
            "outer",
            {
                "inner": group(
                    "inner", {"inner task": None}, is_mapped=True, expand_input={"type": "dict-of-lists"}
                ),
                "outer task": None,
            },
            tooltip="cold",
        ),
        "empty": group("empty", {}),
    },
)
TASKS = ["inner task", "outer task", "root task", "task in no group"]


def _compact(root: Any) -> CompactDag:
    encoded = encode_dag(document(TASKS, task_group=root))
    dag = decode_dag(encoded.hot, encoded.cold)
    assert_same(dag.to_serialized()["dag"]["task_group"], root)
    return dag


def test_groups_are_rows_in_pre_order() -> None:
    """The root first, children by their labels, parents as row + 1; each task knows its row."""
    dag = _compact(NESTED)
    groups = dag.groups()
    assert groups is not None and len(groups) == 4
    assert list(groups.columns["_group_id"]) == [None, "empty", "outer", "inner"]
    assert groups.parents.tolist() == [0, 1, 1, 3]
    assert list(dag.derived_column("group")) == [3, 2, 0, ABSENT]
    assert list(dag.derived_column("mapped_group")) == [3, ABSENT, ABSENT, ABSENT]


def test_only_what_expansion_reads_is_hot() -> None:
    """Tooltips and colours wait in the cold part, the shape of the expansion does not."""
    groups = _compact(NESTED).groups()
    assert groups is not None and set(groups.columns) == {
        "_group_id",
        "prefix_group_id",
        "is_mapped",
        "expand_input",
    }


def test_a_prefixed_group_stands_under_its_full_id() -> None:
    """Where the parent prefixes, a label is `parent.child`, as the host writes it: a regular tree."""
    inner = group("inner", {"t": None}, prefix_group_id=True)
    root = group(
        None, {"outer": group("outer", {"outer.inner": inner}, prefix_group_id=True)}, prefix_group_id=True
    )
    encoded = encode_dag(document(["t"], task_group=root))
    dag = decode_dag(encoded.hot, encoded.cold)
    assert dag.groups() is not None
    assert_same(dag.to_serialized()["dag"]["task_group"], root)


IRREGULAR = {
    "null": None,
    "a list": [],
    "no children": {"_group_id": None},
    "children are a list": {"_group_id": None, "children": []},
    "a child is no pair": {"_group_id": None, "children": {"root task": ["operator"]}},
    "a child is a string": {"_group_id": None, "children": {"root task": "operator"}},
    "an unknown kind": {"_group_id": None, "children": {"root task": ["sensor", "root task"]}},
    "another label": {"_group_id": None, "children": {"label": ["operator", "root task"]}},
    "an unknown task": {"_group_id": None, "children": {"nobody": ["operator", "nobody"]}},
    "a task twice": {
        "_group_id": None,
        "children": {
            "root task": ["operator", "root task"],
            "g": ["taskgroup", {"_group_id": "g", "children": {"root task": ["operator", "root task"]}}],
        },
    },
    "a group without an id": {"_group_id": None, "children": {"g": ["taskgroup", {"children": {}}]}},
    "a group under another id": {
        "_group_id": None,
        "children": {"g": ["taskgroup", {"_group_id": "h", "children": {}}]},
    },
    "a group that is a list": {"_group_id": None, "children": {"g": ["taskgroup", []]}},
}


@pytest.mark.parametrize("root", IRREGULAR.values(), ids=IRREGULAR.keys())
def test_an_irregular_tree_is_kept_as_it_came(root: Any) -> None:
    """No rows are made of it, and nothing of it is lost."""
    assert _compact(root).groups() is None


def _nested_groups(depth: int) -> dict[str, Any]:
    root = group(f"g{depth}", {})
    for level in reversed(range(depth)):
        root = group(f"g{level}" if level else None, {f"g{level + 1}": root})
    return root


def test_depth_is_bounded() -> None:
    """Fifty levels are rows, a few more are kept as they came, and beyond that the document is refused."""
    groups = _compact(_nested_groups(50)).groups()
    assert groups is not None and len(groups) == 51
    assert _compact(_nested_groups(51)).groups() is None
    with pytest.raises(InvalidDagError, match="nested deeper"):
        encode_dag(document(TASKS, task_group=_nested_groups(200)))


@pytest.mark.parametrize(
    "children", [{1: ["operator", "root task"], "root task": ["operator", "root task"]}, {None: 1}]
)
def test_labels_that_are_no_strings_are_refused(children: dict[Any, Any]) -> None:
    """As any key that is not a string, although they cannot be put in order."""
    with pytest.raises(InvalidDagError, match="not a string"):
        encode_dag(document(TASKS, task_group={"_group_id": None, "children": children}))


@pytest.mark.parametrize("group_fields", [{1: 2}, {"tooltip": float("nan")}, {"ui_color": b"x"}])
def test_fields_of_groups_are_checked(group_fields: dict[Any, Any]) -> None:
    """A group's fields are JSON like all others."""
    with pytest.raises(InvalidDagError, match="task_group"):
        encode_dag(document(TASKS, task_group={"_group_id": None, "children": {}, **group_fields}))


@given(documents())
def test_rows_and_tree_say_the_same(serialized: dict[str, Any]) -> None:
    """`unflatten` undoes `flatten`, and the closest mapped group is the first one mapped on the way up."""
    dag = serialized["dag"]
    root = dag.get("task_group", dag.get("_task_group"))
    task_ids = [(row.get("__var") or row)["task_id"] for row in dag["tasks"]]
    tree = flatten(root, {task_id: index for index, task_id in enumerate(task_ids)})
    if tree is None:
        return
    assert_same(unflatten(tree, task_ids), root)
    for row, closest in zip(tree.group_of, closest_mapped(tree), strict=True):
        while row is not ABSENT and not tree.rows[row].get("is_mapped"):
            row = tree.parents[row] - 1 if tree.parents[row] else ABSENT
        assert closest == row


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        (packed(None), "not a count"),
        (packed([1, b"\x00"]), "not a count"),
        (packed([1, b"\x00", []]), "not a count"),
        (packed([0, b"", {}]), "count 0"),
        (packed([-1, b"", {}]), "count -1"),
        (packed([True, b"\x00", {}]), "count True"),
        (packed(["1", b"\x00", {}]), "count '1'"),
        (packed([2, b"\x00", {}]), "1 bytes for 2 numbers"),
        (packed([(1 << 64) - 1, b"\x00", {}]), "1 bytes for 18446744073709551615 numbers"),
        (packed([1, "\x00", {}]), "is a str"),
        (packed([1, b"\x01", {}]), "stands before its parent"),
        (packed([2, b"\x00\x00", {}]), "stands before its parent"),
        (packed([2, b"\x00\x02", {}]), "stands before its parent"),
        (packed([3, b"\x00\x03\x01", {}]), "stands before its parent"),
        (packed([1, b"\x00", {"f": None}]), "not a byte string"),
        (packed([1, b"\x00", {b"f": constant(1)}]), "mapping of names"),
        (packed([1, b"\x00", {"f": packed([1, [1, 2]])}]), "2 values for 1 rows"),
        (packed([52, bytes(range(52)), {}]), "nested deeper than 50"),
    ],
)
def test_bad_sections_are_refused(section: bytes, reason: str) -> None:
    """Counts, parents that come later, depth and columns are checked before anything walks the tree."""
    with pytest.raises(FormatError, match=reason):
        decode_groups(section)


@pytest.mark.parametrize("places", ["others", [0, 0, 1], [0, 1], [0, 1, 3], [0, 1, True], [[], 0, 1]])
def test_an_order_of_other_children_is_refused(places: Any) -> None:
    """It comes from a cache that anybody may have written to."""
    tree = flatten(NESTED, {task_id: index for index, task_id in enumerate(TASKS)}, keep_order=True)
    assert tree is not None
    tree.rows[0]["children"] = places
    with pytest.raises(FormatError):
        unflatten(tree, TASKS)
