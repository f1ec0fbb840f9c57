"""Serialized DAGs: a plain builder for tests that name what they look at, and strategies for properties."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from sched_cache.format.derived import KNOWN_TRIGGER_RULES
from sched_cache.format.document import DAG_ID_NAMES, EDGE_NAMES, GROUP_NAMES
from sched_cache.format.fields import HOT_DAG_FIELDS, HOT_GROUP_FIELDS, HOT_TASK_FIELDS

Json = Any


def document(tasks: Any = (), **dag_fields: Any) -> dict[str, Any]:
    """A document of version 3 whose tasks are `tasks`, each in an envelope; a bare string is a task's id."""
    rows = [{"task_id": task} if isinstance(task, str) else task for task in tasks]
    return {
        "__version": 3,
        "dag": {
            "dag_id": "d",
            "tasks": [{"__type": "operator", "__var": row} for row in rows],
            **dag_fields,
        },
    }


def task(task_id: str, downstream: Any = (), **fields: Any) -> dict[str, Any]:
    """The fields of one task; without `downstream` it has no such field."""
    edges = {"downstream_task_ids": list(downstream)} if downstream else {}
    return {"task_id": task_id, **edges, **fields}


def group(group_id: str | None, children: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A task group as Airflow serializes it; the values of `children` are groups, or None for a task."""
    return {
        "_group_id": group_id,
        "prefix_group_id": False,
        "children": {
            label: ["operator", label] if child is None else ["taskgroup", child]
            for label, child in children.items()
        },
        **fields,
    }


# Any character, lone surrogates too: JSON may hold them.
texts = st.text(st.characters(), max_size=8)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 80), 1 << 80),
    st.sampled_from(
        [0, 1, -1, 255, 256, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64, -(1 << 63), -(1 << 63) - 1]
    ),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1.0]),
    texts,
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
ids = st.text(st.characters(), min_size=1, max_size=6)

_HOT_TASK_NAMES = [name for field in HOT_TASK_FIELDS for name in (field.name, *field.older_names)]
_HOT_DAG_NAMES = [name for field in HOT_DAG_FIELDS for name in (field.name, *field.older_names)]
_HOT_GROUP_NAMES = [field.name for field in HOT_GROUP_FIELDS]
_TASK_STRUCTURE = {"task_id", "__var", "partial_kwargs", *EDGE_NAMES}

_dates = st.sampled_from([0, 1.5, 1e9]) | st.builds(lambda: {"__type": "datetime", "__var": 2.0})

# Values that mean something to the derived columns, so that properties are not about unknown values alone.
_MEANT = {
    "trigger_rule": st.sampled_from(sorted(KNOWN_TRIGGER_RULES)),
    "priority_weight": st.integers(-5, 5),
    "start_date": _dates,
    "end_date": _dates,
    "is_setup": st.booleans(),
    "is_teardown": st.booleans(),
    "_is_mapped": st.booleans(),
}


@st.composite
def named_values(draw: st.DrawFn, names: list[str], reserved: set[str]) -> dict[str, Json]:
    """A few fields: those of `names`, often with a value the host would write, and any others."""
    chosen = draw(st.lists(st.sampled_from([*names, "partial_kwargs.pool"]) | texts, max_size=4, unique=True))
    return {
        name: draw(_MEANT[name] | json_values if name in _MEANT else json_values)
        for name in chosen
        if name not in reserved
    }


@st.composite
def _partial_kwargs(draw: st.DrawFn) -> Json:
    return draw(
        named_values(_HOT_TASK_NAMES, set())
        | st.fixed_dictionaries({"__type": st.just("dict"), "__var": json_values})
        | json_values
    )


@st.composite
def _groups(draw: st.DrawFn, task_ids: list[str]) -> Json:
    """A tree as Airflow writes it over some of the tasks, or something else."""
    if draw(st.integers(0, 4)) == 0:
        return draw(json_values)
    n_groups = draw(st.integers(1, 4))
    groups: list[dict[str, Json]] = []
    labels: list[str | None] = []
    for row in range(n_groups):
        fields = draw(named_values(_HOT_GROUP_NAMES, {"children", "_group_id"}))
        if not row:
            groups.append({"_group_id": None, **fields, "children": {}})
            labels.append(None)
            continue
        parent = draw(st.integers(0, row - 1))
        own = draw(ids)
        prefix = labels[parent] if groups[parent].get("prefix_group_id") else None
        label = f"{prefix}.{own}" if prefix else own
        child = {"_group_id": own, **fields, "children": {}}
        groups[parent]["children"].setdefault(label, ["taskgroup", child])
        groups.append(child)
        labels.append(label)
    for task_id in task_ids:
        place = draw(st.integers(-1, n_groups - 1))
        if place >= 0:
            groups[place]["children"].setdefault(task_id, ["operator", task_id])
    return groups[0]


@st.composite
def documents(draw: st.DrawFn, max_tasks: int = 6) -> dict[str, Json]:
    """Everything the encoder must take: versions 1, 2, 3 and older spellings, weird but legal values too."""
    task_ids = draw(st.lists(ids, max_size=max_tasks, unique=True))
    edge_name = draw(st.sampled_from(EDGE_NAMES))
    acyclic = draw(st.booleans())
    has_envelopes = draw(st.booleans())
    tasks: list[Json] = []
    for index, task_id in enumerate(task_ids):
        row: dict[str, Json] = {**draw(named_values(_HOT_TASK_NAMES, _TASK_STRUCTURE)), "task_id": task_id}
        targets = task_ids[index + 1 :] if acyclic else task_ids
        if draw(st.booleans()) and targets:
            row[edge_name] = draw(st.lists(st.sampled_from(targets), max_size=3))  # a target may repeat
        elif draw(st.booleans()):
            row[edge_name] = []
        if draw(st.integers(0, 2)) == 0:
            row["partial_kwargs"] = draw(_partial_kwargs())
        if has_envelopes:
            tasks.append({"__type": "operator", **draw(named_values(["__type"], {"__var"})), "__var": row})
        else:
            tasks.append(row)
    structure: dict[str, Json] = {DAG_ID_NAMES[0]: draw(ids), "tasks": tasks}
    if draw(st.booleans()):
        structure[DAG_ID_NAMES[1]] = structure.pop(DAG_ID_NAMES[0])
    if draw(st.integers(0, 3)):
        structure[draw(st.sampled_from(GROUP_NAMES))] = draw(_groups(task_ids))
    fields = draw(named_values(_HOT_DAG_NAMES, {"tasks", *DAG_ID_NAMES, *GROUP_NAMES}))
    outer = draw(named_values(["client_defaults"], {"dag"}))
    if draw(st.booleans()):
        outer["client_defaults"] = {"tasks": draw(named_values(_HOT_TASK_NAMES, set()))}
    return {"__version": draw(st.sampled_from([1, 2, 3])), **outer, "dag": {**fields, **structure}}


class _Text(str):
    """A string that is not exactly `str`, as the members of Airflow's enumerations are."""

    __slots__ = ()


not_json = st.one_of(
    st.sampled_from([float("nan"), float("inf"), -float("inf")]),
    st.binary(max_size=3),
    st.just(frozenset()),
    st.just(object()),
    st.tuples(st.integers(), texts),
    st.dictionaries(
        st.one_of(st.integers(), st.none(), st.binary(max_size=2)), texts, min_size=1, max_size=2
    ),
    st.builds(_Text, texts),
    st.integers(150, 900).map(lambda depth: _nested(depth)),
)
garbage = st.recursive(
    scalars | not_json,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.integers(), inner, max_size=3),
    max_leaves=6,
)


def _nested(depth: int) -> Json:
    value: Json = []
    for _ in range(depth):
        value = [value]
    return value


@st.composite
def damaged_documents(draw: st.DrawFn) -> Json:
    """A document of which one value, anywhere, is replaced, taken out, or put under another key."""
    root = draw(documents())
    node: Json = root
    while True:
        places = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not places:
            return root
        place = draw(st.sampled_from(places))
        inner = node[place]
        if isinstance(inner, (dict, list)) and inner and draw(st.integers(0, 4)):
            node = inner
            continue
        what = draw(st.sampled_from(["replace", "remove", "rename"]))
        if what == "replace":
            node[place] = draw(garbage)
        elif isinstance(node, list) or what == "remove":
            del node[place]
        else:
            node[
                draw(texts | st.integers() | st.sampled_from(["dag_id", "task_id", "__var", "children"]))
            ] = node.pop(place)
        return root
