"""The serialized form of a DAG, as small as the hosts accept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

HostName = Literal["airflow2", "airflow3"]

_NAMES: Mapping[HostName, Mapping[str, str]] = {
    "airflow2": {"dag_id": "_dag_id", "task_group": "_task_group", "task_type": "_task_type"},
    "airflow3": {"dag_id": "dag_id", "task_group": "task_group", "task_type": "task_type"},
}
_CRON = {"expression": "0 0 * * *", "timezone": "UTC", "interval": 0.0, "run_immediately": False}


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """A mapped task group below the root. `over`: the task whose value it is mapped over, or literal
    values."""

    group_id: str
    over: str | Sequence[str]


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One task. `over`: as in `GroupSpec`, None if it is not mapped. `fields`: further fields of the
    document."""

    task_id: str
    downstream: Sequence[str] = ()
    group: GroupSpec | None = None
    over: str | Sequence[str] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def document_of(
    tasks: Sequence[TaskSpec], host: HostName = "airflow3", dag_id: str = "dag"
) -> dict[str, Any]:
    """The document that `host` stores for these tasks."""
    names = _NAMES[host]
    schedule: dict[str, Any] = {"schedule_interval": "@daily", "_description": None}
    if host == "airflow3":
        timetable = {"__type": "airflow.timetables.trigger.CronTriggerTimetable", "__var": _CRON}
        schedule = {"timetable": timetable, "disable_bundle_versioning": False, "deadline": None}
    dag = {
        names["dag_id"]: dag_id,
        "fileloc": "/dags/generated.py",
        "timezone": "UTC",
        "start_date": 1704067200.0,
        "catchup": False,
        names["task_group"]: _root_group(tasks),
        "tasks": [{"__type": "operator", "__var": _task(task, names)} for task in tasks],
        "dag_dependencies": [],
        "edge_info": {},
        "params": [],
        **schedule,
    }
    return {"__version": 3 if host == "airflow3" else 1, "dag": dag}


def _root_group(tasks: Sequence[TaskSpec]) -> dict[str, Any]:
    children: dict[str, Any] = {}
    for task in tasks:
        if task.group is None:
            children[task.task_id] = ["operator", task.task_id]
            continue
        group_id = task.group.group_id
        if group_id not in children:
            mapped = {"is_mapped": True, "expand_input": _expand_input(task.group.over)}
            children[group_id] = ["taskgroup", {**_group(group_id, {}), **mapped}]
        children[group_id][1]["children"][task.task_id] = ["operator", task.task_id]
    return _group(None, children)


def _group(group_id: str | None, children: dict[str, Any]) -> dict[str, Any]:
    relatives = ("upstream_group_ids", "downstream_group_ids", "upstream_task_ids", "downstream_task_ids")
    return {
        "_group_id": group_id,
        "group_display_name": "",
        "prefix_group_id": True,
        "tooltip": "",
        "ui_color": "CornflowerBlue",
        "ui_fgcolor": "#000",
        "children": children,
        **{name: [] for name in relatives},
    }


def _task(task: TaskSpec, names: Mapping[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "task_id": task.task_id,
        names["task_type"]: "BashOperator",
        "_task_module": "airflow.providers.standard.operators.bash",
        "template_fields": [],
        "template_ext": [],
        "template_fields_renderers": {},
        "ui_color": "#fff",
        "ui_fgcolor": "#000",
        "start_from_trigger": False,
        "downstream_task_ids": sorted(task.downstream),
    }
    if task.over is None:
        return {**document, "_needs_expansion": task.group is not None, **task.fields}
    partial = {name: value for name, value in task.fields.items() if not name.startswith("_")}
    return {
        **document,
        **{name: value for name, value in task.fields.items() if name.startswith("_")},
        "_is_mapped": True,
        "_needs_expansion": True,
        "_expand_input_attr": "expand_input",
        "_disallow_kwargs_override": False,
        "expand_input": _expand_input(task.over),
        "partial_kwargs": partial,
    }


def _expand_input(over: str | Sequence[str]) -> dict[str, Any]:
    value: Any = list(over)
    if isinstance(over, str):
        value = {"__type": "xcomref", "__var": {"task_id": over, "key": "return_value"}}
    return {"type": "dict-of-lists", "value": {"__type": "dict", "__var": {"argument": value}}}
