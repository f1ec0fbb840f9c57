"""The documents Airflow 3.3 stores in `serialized_dag.data`, made from shapes without Airflow.

Equal, key by key, to what `DagSerialization.to_dict` of Airflow 3.3.2 gives for the same shape built with the
SDK (`tests/airflow3/test_generated_documents.py` holds the two together), but for the two paths of the
machine.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable

from .shapes import Group, Shape, Task, make_shape

Json = dict[str, object]

_START = 1704067200.0  # 2024-01-01
_RETRY_DELAY_SECONDS = 300.0


def generate_document(shape: str, n_tasks: int, *, seed: int = 0, dag_id: str | None = None) -> Json:
    """One serialized DAG, version 3, as `json.loads` would give it."""
    return document_of(make_shape(shape, n_tasks, seed=seed, dag_id=dag_id))


def document_of(shape: Shape) -> Json:
    """The document of a shape; tasks in the order in which the shape names them."""
    edges = _Edges(shape)
    return {
        "__version": 3,
        "dag": {
            "dag_id": shape.dag_id,
            "fileloc": "/dags/generated.py",
            "_processor_dags_folder": "/dags",
            "timezone": "UTC",
            "start_date": _START,
            "catchup": False,
            "timetable": {
                "__type": "airflow.timetables.trigger.CronTriggerTimetable",
                "__var": {
                    "expression": "0 0 * * *",
                    "timezone": "UTC",
                    "interval": 0.0,
                    "run_immediately": False,
                },
            },
            "max_active_runs": 16,
            "max_active_tasks": 16,
            "max_consecutive_failed_dag_runs": 0,
            "disable_bundle_versioning": False,
            "task_group": _group(shape.root, edges),
            "tasks": [{"__type": "operator", "__var": _task(task, edges)} for task in shape.tasks],
            "dag_dependencies": [],
            "deadline": None,
            "allowed_run_types": None,
            "edge_info": {},
            "params": [],
        },
    }


class _Edges:
    """The edges that Airflow derives from those the author wrote: between tasks, and of groups."""

    def __init__(self, shape: Shape) -> None:
        self.downstream: dict[Task, set[Task]] = defaultdict(set)
        self.upstream: dict[Task, set[Task]] = defaultdict(set)
        self.of_groups: dict[tuple[Group, str], set[str]] = defaultdict(set)
        for above, below in shape.edges:
            self._note(above, "downstream", below)
            self._note(below, "upstream", above)
            for last in self._leaves(above):
                if isinstance(
                    above, Group
                ):  # Airflow tells the lower group of the tasks too, not the upper one
                    self._note(below, "upstream", last)
                for first in self._roots(below):
                    self._link(last, first)
        # An argument taken from a task's output is an edge too; it comes last, so that it does not
        # change which tasks of a mapped group are its first.
        for task in shape.tasks:
            if isinstance(task.values, Task):
                self._link(task.values, task)
            if isinstance(task.group.values, Task):
                self._link(task.group.values, task)
                self._note(task.group, "upstream", task.group.values)

    def _link(self, above: Task, below: Task) -> None:
        self.downstream[above].add(below)
        self.upstream[below].add(above)

    def _note(self, node: Task | Group, direction: str, other: Task | Group) -> None:
        if isinstance(node, Group):
            kind = "group" if isinstance(other, Group) else "task"
            self.of_groups[node, f"{direction}_{kind}_ids"].add(other.node_id)

    def _inside(self, group: Group, tasks: Iterable[Task]) -> list[Task]:
        members = set(group.tasks())
        return [task for task in tasks if task in members]

    def _roots(self, node: Task | Group) -> list[Task]:
        if isinstance(node, Task):
            return [node]
        return [task for task in node.tasks() if not self._inside(node, self.upstream[task])]

    def _leaves(self, node: Task | Group) -> list[Task]:
        if isinstance(node, Task):
            return [node]
        return [task for task in node.tasks() if not self._inside(node, self.downstream[task])]


def _group(group: Group, edges: _Edges) -> Json:
    document: Json = {
        "_group_id": group.label or None,
        "group_display_name": "",
        "prefix_group_id": True,
        "tooltip": "",
        "ui_color": "CornflowerBlue",
        "ui_fgcolor": "#000",
        "children": {
            child.node_id: (
                ["operator", child.node_id]
                if isinstance(child, Task)
                else ["taskgroup", _group(child, edges)]
            )
            for child in group.children
        },
    }
    for name in ("upstream_group_ids", "downstream_group_ids", "upstream_task_ids", "downstream_task_ids"):
        document[name] = sorted(edges.of_groups.get((group, name), ()))
    if group.values is not None:
        document["expand_input"] = _expand_input("value", group.values)
        document["is_mapped"] = True
    return document


def _task(task: Task, edges: _Edges) -> Json:
    document: Json = {
        "task_id": task.node_id,
        "task_type": "BashOperator",
        "_task_module": "airflow.providers.standard.operators.bash",
        "template_fields": ["bash_command", "env", "cwd"],
        "template_ext": [".sh", ".bash"],
        "template_fields_renderers": {"bash_command": "bash", "env": "json"},
        "ui_color": "#f0ede4",
    }
    downstream = edges.downstream.get(task)
    if downstream:
        document["downstream_task_ids"] = sorted(below.node_id for below in downstream)
    if task.values is not None:
        document |= {
            "_is_mapped": True,
            "_expand_input_attr": "expand_input",
            "_disallow_kwargs_override": False,
            "expand_input": _expand_input("bash_command", task.values),
            "partial_kwargs": {
                "retry_delay": {"__var": _RETRY_DELAY_SECONDS, "__type": "timedelta"},
                **task.options,
            },
        }
        return document
    document |= {
        "retry_delay": _RETRY_DELAY_SECONDS,
        "has_retry_policy": False,
        "_needs_expansion": _in_mapped_group(task),
        "bash_command": task.command,
        **{name: value for name, value in task.options.items() if _DEFAULTS.get(name) != value},
    }
    if task.role == "setup":
        document["is_setup"] = True
    elif task.role == "teardown":
        document |= {"is_teardown": True, "trigger_rule": "all_done_setup_success"}
    return document


_DEFAULTS = {"trigger_rule": "all_success", "pool": "default_pool", "retries": 0, "priority_weight": 1}


def _in_mapped_group(task: Task) -> bool:
    group: Group | None = task.group
    while group is not None:
        if group.values is not None:
            return True
        group = group.parent
    return False


def _expand_input(argument: str, values: list[str] | Task) -> Json:
    value: object = values
    if isinstance(values, Task):
        value = {"__var": {"task_id": values.node_id, "key": "return_value"}, "__type": "xcomref"}
    return {"type": "dict-of-lists", "value": {"__var": {argument: value}, "__type": "dict"}}


def random_documents(n_documents: int, *, seed: int) -> Iterable[Json]:
    """Documents of every shape and of the sizes real DAGs have: median 4 tasks, 90th percentile 13."""
    rng = random.Random(seed)
    for number in range(n_documents):
        n_tasks = max(1, round(rng.lognormvariate(1.4, 0.95)))
        name = rng.choice(("chain", "layers", "diamonds", "setups", "mapped", "mixed", "mixed", "groups"))
        yield generate_document(name, n_tasks, seed=seed + number, dag_id=f"dag_{number}")
