"""Derived columns, against the host's own definitions written down plainly.

Source: Airflow 3.3.2 _shared/dagnode/node.py, task/priority_strategy.py, models/dagrun.py,
serialization/definitions/{dag,taskgroup}.py, ti_deps/deps/not_previously_skipped_dep.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sched_cache.format import ABSENT, CompactDag, decode_dag, encode_dag
from sched_cache.format.derived import KNOWN_TRIGGER_RULES
from tests.support.format.documents import document, group, task

_DEFAULTS = {
    "priority_weight": 1,
    "is_setup": False,
    "is_teardown": False,
    "on_failure_fail_dagrun": False,
    "_can_skip_downstream": False,
    "_is_mapped": False,
    "_needs_expansion": False,
    "trigger_rule": "all_success",
    "start_date": None,
    "end_date": None,
}


class HostDag:
    """The results of the host, computed by its own definitions with sets."""

    def __init__(self, serialized: dict[str, Any]) -> None:
        rows = [envelope["__var"] for envelope in serialized["dag"]["tasks"]]
        defaults = {**_DEFAULTS, **serialized.get("client_defaults", {}).get("tasks", {})}
        self.task_ids = [row["task_id"] for row in rows]
        self.tasks = {row["task_id"]: {**defaults, **row.get("partial_kwargs", {}), **row} for row in rows}
        self.downstream = {row["task_id"]: set(row.get("downstream_task_ids", ())) for row in rows}
        self.upstream: dict[str, set[str]] = {task_id: set() for task_id in self.task_ids}
        for task_id, others in self.downstream.items():
            for other in others:
                self.upstream[other].add(task_id)
        self.dag = serialized["dag"]

    def relatives(self, task_id: str, direct: dict[str, set[str]]) -> set[str]:
        """`get_flat_relative_ids`."""
        found: set[str] = set()
        waiting = direct[task_id]
        while waiting:
            following: set[str] = set()
            for other in waiting - found:
                following |= direct[other]
                found.add(other)
            waiting = following
        return found

    def weight(self, task_id: str, direct: dict[str, set[str]]) -> int:
        """`get_weight` of the rules `downstream` and `upstream`."""
        own: int = self.tasks[task_id]["priority_weight"]
        return own + sum(self.tasks[other]["priority_weight"] for other in self.relatives(task_id, direct))

    def setups(self, task_id: str) -> set[str]:
        """`get_upstreams_only_setups`."""
        teardowns = {t for t in self.relatives(task_id, self.downstream) if self.tasks[t]["is_teardown"]}
        relevant = set()
        for other in self.relatives(task_id, self.upstream):
            if self.tasks[other]["is_setup"]:
                has_no_teardowns = not any(self.tasks[t]["is_teardown"] for t in self.downstream[other])
                if has_no_teardowns or self.downstream[other] & teardowns:
                    relevant.add(other)
        return relevant

    def skip_parents(self, task_id: str) -> set[str]:
        """The parents that `NotPreviouslySkippedDep` asks about."""
        return {other for other in self.upstream[task_id] if self.tasks[other]["_can_skip_downstream"]}

    def effective_leaves(self) -> set[str]:
        """`_tis_for_dagrun_state`."""

        def counts(task_id: str) -> bool:
            return not self.tasks[task_id]["is_teardown"] or self.tasks[task_id]["on_failure_fail_dagrun"]

        leaves = {t for t in self.task_ids if counts(t) and not any(map(counts, self.downstream[t]))}
        return leaves or {t for t in self.task_ids if not self.downstream[t]}

    def time_restriction(self) -> tuple[float | None, float | None]:
        """`_time_restriction`, after `set_task_dag_references` gave tasks the dates of the DAG."""

        def seconds(value: Any) -> Any:
            return value["__var"] if isinstance(value, dict) else value

        dag_start, dag_end = seconds(self.dag.get("start_date")), seconds(self.dag.get("end_date"))

        def own_or(task_id: str, name: str, default: Any) -> Any:
            own = seconds(self.tasks[task_id][name])
            return default if own is None else own

        starts = [own_or(t, "start_date", dag_start) for t in self.task_ids]
        starts = [start for start in [*starts, dag_start] if start is not None]
        earliest = min(starts, default=None)
        latest = dag_end
        ends = [own_or(t, "end_date", dag_end) for t in self.task_ids]
        ends = [end for end in ends if end is not None]
        if len(ends) == len(self.task_ids):
            if dag_end is not None:
                ends.append(dag_end)
            if ends:
                latest = max(ends)
        return earliest, latest

    def closest_mapped_group(self, task_id: str) -> list[str] | None:
        """The path of `get_closest_mapped_task_group`, outermost first; None if there is none."""

        def path_to(node: dict[str, Any], path: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
            for label, (kind, child) in node["children"].items():
                if kind == "operator" and label == task_id:
                    return path
                if kind == "taskgroup" and (found := path_to(child, [*path, child])) is not None:
                    return found
            return None

        path = path_to(self.dag["task_group"], []) if "task_group" in self.dag else None
        while path and not path[-1].get("is_mapped"):
            path = path[:-1]
        return [node["_group_id"] for node in path] if path else None

    def needs_expansion(self, task_id: str) -> bool:
        """Mapped itself or in a mapped group."""
        row = self.tasks[task_id]
        return bool(row["_is_mapped"] or row["_needs_expansion"] or self.closest_mapped_group(task_id))

    def is_simple(self, task_id: str) -> bool:
        """None of what needs the host's own judgement."""
        return not (
            self.needs_expansion(task_id)
            or any(map(self.needs_expansion, self.upstream[task_id]))
            or self.setups(task_id)
            or self.skip_parents(task_id)
            or self.tasks[task_id]["is_teardown"]
            or self.tasks[task_id]["trigger_rule"] not in KNOWN_TRIGGER_RULES
        )


_dates = st.sampled_from([0, 1.0, 2.5, 1e9, None, {"__type": "datetime", "__var": 7.25}])
_fields = st.fixed_dictionaries(
    {},
    optional={
        "priority_weight": st.integers(-2, 9),
        "is_setup": st.booleans(),
        "is_teardown": st.booleans(),
        "on_failure_fail_dagrun": st.booleans(),
        "_can_skip_downstream": st.booleans(),
        "trigger_rule": st.sampled_from(["all_done", "always", "not a rule"]),
        "start_date": _dates,
        "end_date": _dates,
    },
)


@st.composite
def host_dags(draw: st.DrawFn) -> dict[str, Any]:
    """Acyclic DAGs whose tasks stand in any order, with every field that a derived column depends on."""
    n_tasks = draw(st.integers(0, 10))
    names = [f"t{number}" for number in range(n_tasks)]
    rows: list[dict[str, Any]] = []
    for place, name in enumerate(names):
        fields = draw(_fields)
        if draw(st.integers(0, 4)) == 0:
            fields = {"_is_mapped": True, "partial_kwargs": fields}
        later = names[place + 1 :]
        rows.append(task(name, draw(st.lists(st.sampled_from(later), max_size=4)) if later else (), **fields))
    extra: dict[str, Any] = draw(
        st.fixed_dictionaries({}, optional={"start_date": _dates, "end_date": _dates})
    )
    if draw(st.booleans()):
        extra["task_group"] = _grouped(draw, names)
    serialized = document(draw(st.permutations(rows)), **extra)
    if draw(st.booleans()):
        serialized["client_defaults"] = {"tasks": draw(_fields)}
    return serialized


def _grouped(draw: st.DrawFn, names: list[str]) -> dict[str, Any]:
    groups = [group(None, {})]
    for number in range(draw(st.integers(0, 4))):
        child = group(f"g{number}", {}, is_mapped=draw(st.booleans()))
        draw(st.sampled_from(groups))["children"][f"g{number}"] = ["taskgroup", child]
        groups.append(child)
    for name in names:
        draw(st.sampled_from(groups))["children"][name] = ["operator", name]
    return groups[0]


def _compact(serialized: dict[str, Any]) -> CompactDag:
    return decode_dag(encode_dag(serialized).hot)


def _names(dag: CompactDag, column: str) -> dict[str, set[str]]:
    """A column of index lists as sets of task ids, empty where absent."""
    return {
        task_id: {dag.task_ids[other] for other in dag.derived_column(column)[index] or ()}
        for index, task_id in enumerate(dag.task_ids)
    }


@given(host_dags())
def test_weights_are_the_hosts(serialized: dict[str, Any]) -> None:
    """Per rule: a task's own priority weight plus that of everything below or above it."""
    host, dag = HostDag(serialized), _compact(serialized)
    for rule, direct in (("downstream", host.downstream), ("upstream", host.upstream)):
        expected = [host.weight(task_id, direct) for task_id in host.task_ids]
        assert list(dag.derived_column(f"weight.{rule}")) == expected


@given(host_dags())
def test_relevant_setups_are_the_hosts(serialized: dict[str, Any]) -> None:
    """Upstream setups without a teardown, or with one that is downstream of the task."""
    host, dag = HostDag(serialized), _compact(serialized)
    assert _names(dag, "setups") == {task_id: host.setups(task_id) for task_id in host.task_ids}
    assert dag.derived_value("has_setups") == any(row["is_setup"] for row in host.tasks.values())


@given(host_dags())
def test_skip_parents_are_the_hosts(serialized: dict[str, Any]) -> None:
    """Direct upstream tasks that may skip what follows them."""
    host, dag = HostDag(serialized), _compact(serialized)
    assert _names(dag, "skip_parents") == {task_id: host.skip_parents(task_id) for task_id in host.task_ids}


@given(host_dags())
def test_effective_leaves_are_the_hosts(serialized: dict[str, Any]) -> None:
    """The tasks whose states decide the run's, in the document's order."""
    host, dag = HostDag(serialized), _compact(serialized)
    leaves = dag.derived_value("effective_leaves")
    assert {dag.task_ids[index] for index in leaves} == host.effective_leaves()
    assert leaves == sorted(leaves)


@given(host_dags())
def test_time_restriction_is_the_hosts(serialized: dict[str, Any]) -> None:
    """The earliest start and the latest end of runs, null where open."""
    dag = _compact(serialized)
    found = (dag.derived_value("earliest_start"), dag.derived_value("latest_end"))
    assert found == HostDag(serialized).time_restriction()


@given(host_dags())
def test_closest_mapped_group_is_the_hosts(serialized: dict[str, Any]) -> None:
    """The innermost mapped group around a task; `group` is the innermost of any kind."""
    host, dag = HostDag(serialized), _compact(serialized)
    groups = dag.groups()
    for index, task_id in enumerate(dag.task_ids):
        row = dag.derived_column("mapped_group")[index]
        path: list[str] = []
        while row is not ABSENT and row:
            assert groups is not None
            path.insert(0, groups.columns["_group_id"][row])
            row = groups.parents[row] - 1
        assert (path or None) == host.closest_mapped_group(task_id)


@given(host_dags())
def test_simple_tasks_need_no_judgement_of_the_hosts(serialized: dict[str, Any]) -> None:
    """Nothing mapped in it, around it or upstream, no setups, no skip parents, no teardown, a known rule."""
    host, dag = HostDag(serialized), _compact(serialized)
    assert list(dag.derived_column("simple")) == [host.is_simple(task_id) for task_id in host.task_ids]


CYCLE = [task("a", ["b"]), task("b", ["a"])]


def test_a_cycle_leaves_underived_what_it_makes_meaningless() -> None:
    """Weights of a cycle are not derived, nor are setups; if there are any, no task is simple."""
    dag = _compact(document(CYCLE))
    assert list(dag.derived_column("weight.downstream")) == [ABSENT, ABSENT]
    assert list(dag.derived_column("simple")) == [True, True]
    dag = _compact(document([*CYCLE, task("c", is_setup=True)]))
    assert list(dag.derived_column("simple")) == [False, False, False]


@pytest.mark.parametrize("weight", [1.5, "1", True, None, [1]])
def test_weights_that_are_no_integers_leave_the_weights_underived(weight: object) -> None:
    """The host would add them up its own way; absent says: ask it."""
    dag = _compact(document([task("a", ["b"], priority_weight=weight), task("b")]))
    assert dag.derived_column("weight.downstream")[0] is ABSENT


@pytest.mark.parametrize("date", ["2026-01-01", True, [], {"__type": "timedelta", "__var": 1}, {"__var": 1}])
def test_dates_in_an_unknown_form_leave_the_restriction_underived(date: object) -> None:
    """Absent, not wrong."""
    for serialized in (document(["a"], start_date=date), document([task("a", end_date=date)])):
        dag = _compact(serialized)
        assert dag.derived_value("earliest_start") is ABSENT and dag.derived_value("latest_end") is ABSENT


def test_an_unknown_tree_of_groups_makes_no_task_simple() -> None:
    """A tree that Airflow would not write may hide a mapped group."""
    dag = _compact(document(["a"], task_group={"_group_id": None, "children": {"b": ["operator", "a"]}}))
    assert dag.groups() is None
    assert list(dag.derived_column("simple")) == [False]


def test_numbers_beyond_64_bits_are_derived_too() -> None:
    """Weights and dates are integers of any size."""
    dag = _compact(
        document(
            [task("a", ["b"], priority_weight=1 << 64), task("b", priority_weight=1)], start_date=1 << 70
        )
    )
    assert list(dag.derived_column("weight.downstream")) == [(1 << 64) + 1, 1]
    assert dag.derived_value("earliest_start") == 1 << 70
