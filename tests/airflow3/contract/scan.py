"""Find what the installed host reads from deserialized DAGs, tasks and task groups.

``python -m tests.airflow3.contract.scan`` writes ``host_reads.py``. Names decide: an attribute
counts when the class has it and the expression before the dot is called like such an object where it stands.
So the table may hold an attribute that is only read from a namesake (a ``DagModel`` is also called ``dag``);
it can miss one only if the host calls the object by a name that is not listed here.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import airflow
from airflow.serialization.definitions.mappedoperator import SerializedMappedOperator
from airflow.serialization.definitions.taskgroup import SerializedMappedTaskGroup, SerializedTaskGroup

from sched_cache_airflow.hosts.airflow3.dags.serialization import SerializedBaseOperator, SerializedDAG

HOST = Path(airflow.__file__).parent
# Where DAGs are authored, serialized or executed; no process that uses the bag runs these.
_SKIPPED = (
    "sdk/",
    "example_dags/",
    "migrations/",
    "dag_processing/",
    "serialization/serialized_objects.py",
    "ui/",
)
_PROVIDERS = ("providers/standard/",)

_DAG = ("SerializedDAG",)
_TASK = ("SerializedBaseOperator", "SerializedMappedOperator")
_GROUP = ("SerializedTaskGroup",)
_CLASSES: dict[str, tuple[type, ...]] = {
    "SerializedDAG": (SerializedDAG,),
    "SerializedBaseOperator": (SerializedBaseOperator,),
    "SerializedMappedOperator": (SerializedMappedOperator,),
    "SerializedTaskGroup": (SerializedTaskGroup, SerializedMappedTaskGroup),
}
# The last name of the expression before the dot -> what it may be.
_RECEIVERS = {
    "dag dag_ serdag serialized_dag latest_dag dr_dag ti_dag run_dag subset partial_dag filtered_dag d "
    "current_dag dag_to_clear target_dag sub_dag updated_dag": _DAG,
    "task op operator t ti_task upstream_task downstream_task down_task up_task rel upstream downstream "
    "obj mapped_task root serialized_task sdk_task leaf relative setup teardown u arg a": _TASK,
    "group tg task_group parent_group root_group task_group_sorted g mapped_group dag_task_group "
    "copied": _GROUP,
    "node child x p nodes_ task_or_group task_node parent_node item element": _TASK + _GROUP,
}
_OWNERS = {name: owners for names, owners in _RECEIVERS.items() for name in names.split()}
# Inside these classes ``self`` is one of the objects.
_SELF: dict[str, tuple[str, ...]] = {
    "SerializedDAG": _DAG,
    "SerializedBaseOperator": _TASK[:1],
    "SerializedMappedOperator": _TASK[1:],
    "GenericDAGNode": _TASK + _GROUP,
    "DAGNode": _TASK + _GROUP,
    "TaskGroupMixin": _GROUP,
    "SerializedTaskGroup": _GROUP,
    "SerializedMappedTaskGroup": _GROUP,
}
# Response models that the API server fills from an object's attributes.
_MODELS: dict[str, tuple[str, ...]] = {
    "TaskResponse": _TASK,
    "DAGResponse": _DAG,
    "DAGDetailsResponse": _DAG,
    "DagVersionResponse": (),
}

# Attributes of instances that no class names.
_DOCUMENT_KEYS = {
    "deps",
    "_is_sensor",
    "_task_module",
    "reschedule",
    "fileloc",
    "relative_fileloc",
    "dag_dependencies",
}
_AREAS = {
    "scheduler": (
        "jobs/",
        "models/",
        "ti_deps/",
        "assets/",
        "task/",
        "serialization/",
        "_shared/",
        "timetables/",
    ),
    "api": ("api_fastapi/", "api/"),
    "cli": ("",),
}

Reads = dict[str, dict[str, list[str]]]


def known_names() -> dict[str, frozenset[str]]:
    """Class name -> every attribute its instances can have without being template fields."""
    names = {}
    for label, classes in _CLASSES.items():
        found: set[str] = set()
        for cls in classes:
            found.update(dir(cls))
            for base in cls.__mro__:
                found.update(getattr(base, "__annotations__", {}))
            if hasattr(cls, "get_serialized_fields"):
                found.update(cls.get_serialized_fields())
        found.update(_DOCUMENT_KEYS)
        names[label] = frozenset(
            name for name in found if not (name.startswith("__") and name.endswith("__"))
        )
    return names


def host_files() -> Iterator[Path]:
    """The modules that meet a deserialized DAG, in path order."""
    for path in sorted(HOST.rglob("*.py")):
        relative = path.relative_to(HOST).as_posix()
        if relative.startswith("providers/"):
            if relative.startswith(_PROVIDERS) and "/example_dags/" not in relative:
                yield path
        elif not relative.startswith(_SKIPPED):
            yield path


class _Visitor(ast.NodeVisitor):
    def __init__(self, location: str, names: dict[str, frozenset[str]], reads: Reads) -> None:
        self._location = location
        self._names = names
        self._reads = reads
        self._classes: list[str] = []

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._classes.append(node.name)
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                self._note(_MODELS.get(node.name, ()), statement.target.id, statement.lineno)
        self.generic_visit(node)
        self._classes.pop()

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Load):
            self._note(self._owners(node.value), node.attr, node.lineno)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in {"getattr", "hasattr"}:
            receiver, name = node.args[0], node.args[1]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                self._note(self._owners(receiver), name.value, node.lineno)
        self.generic_visit(node)

    def _owners(self, receiver: ast.expr) -> tuple[str, ...]:
        last = receiver
        while isinstance(last, ast.Subscript | ast.Call):
            last = last.value if isinstance(last, ast.Subscript) else last.func
        name = last.id if isinstance(last, ast.Name) else last.attr if isinstance(last, ast.Attribute) else ""
        if name == "self":
            return _SELF.get(self._classes[-1], ()) if self._classes else ()
        # What these return or hold, whatever the name before them.
        if name in {"get_task", "task_dict"}:
            return _TASK
        if name == "task_group_dict":
            return _GROUP
        return _OWNERS.get(name, ())

    def _note(self, owners: tuple[str, ...], name: str, line: int) -> None:
        for owner in owners:
            if name in self._names[owner]:
                self._reads[owner][name].append(f"{self._location}:{line}")


def scan() -> dict[str, dict[str, tuple[str, ...]]]:
    """Class name -> attribute -> places that read it, ``path:line`` relative to the ``airflow`` package."""
    names = known_names()
    reads: Reads = {label: defaultdict(list) for label in _CLASSES}
    for path in host_files():
        relative = path.relative_to(HOST).as_posix()
        _Visitor(relative, names, reads).visit(ast.parse(path.read_text()))
    return {
        owner: {name: tuple(places) for name, places in sorted(attributes.items())}
        for owner, attributes in reads.items()
    }


def first_places(places: tuple[str, ...]) -> tuple[str, ...]:
    """The first place in each kind of process: scheduler and models, API server, everything else."""
    chosen = []
    left = list(places)
    for prefixes in _AREAS.values():
        here = [place for place in left if place.startswith(prefixes)]
        left = [place for place in left if place not in here]
        chosen += here[:1]
    return tuple(chosen)


def as_source(table: dict[str, dict[str, tuple[str, ...]]]) -> str:
    """The text of ``host_reads.py``."""
    lines = [
        _HEADER.format(version=airflow.__version__),
        "HOST_READS: dict[str, dict[str, tuple[str, ...]]] = {\n",
    ]
    for owner, attributes in table.items():
        lines.append(f"    {owner!r}: {{\n".replace("'", '"'))
        for name, places in attributes.items():
            text = ", ".join(f'"{place}"' for place in first_places(places))
            comma = "," if ", " not in text else ""
            lines.append(f'        "{name}": ({text}{comma}),\n')
        lines.append("    },\n")
    lines.append("}\n")
    return "".join(lines)


_HEADER = '''\
"""The reads of a deserialized DAG by the scheduler, the API server and the command line.

Written by ``python -m tests.airflow3.contract.scan``; a test compares it with the installed host. For each
class and attribute: the first place that reads it in scheduler and models, in the API server, and elsewhere,
relative to the ``airflow`` package.
"""

# ruff: noqa: E501
# fmt: off
HOST_VERSION = "{version}"

'''

if __name__ == "__main__":
    Path(__file__).with_name("host_reads.py").write_text(as_source(scan()))
