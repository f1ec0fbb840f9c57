"""msgspec structs: rows with a schema, decoded straight into typed objects.

The fastest row format in Python.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..case import Case
from ..documents import copied, deflated, document_case
from ..subject import CodecSubject, Work


def _structs(case: Case) -> Work:
    msgspec: Any = import_module("msgspec")  # not installed where types are checked

    # The fields of a task that a scheduler reads: name in the document, type, Airflow's default.
    hot: tuple[tuple[str, Any, Any], ...] = (
        ("task_id", str, ""),
        ("downstream_task_ids", list[str], []),
        ("task_type", str, ""),
        ("retry_delay", float, 300.0),
        ("_needs_expansion", bool, False),
        ("is_setup", bool, False),
        ("is_teardown", bool, False),
        ("retries", int, 0),
        ("pool", str, "default_pool"),
        ("priority_weight", float, 1),
        ("trigger_rule", str, "all_success"),
    )
    hot_names = {name for name, _, _ in hot}
    task_type: Any = msgspec.defstruct(
        "Task", [(name, kind) for name, kind, _ in hot], array_like=True, gc=False
    )
    dag_type: Any = msgspec.defstruct(
        "Dag", [("dag_id", str), ("tasks", list[task_type]), ("cold", msgspec.Raw)], array_like=True
    )
    given = document_case(case)
    decoder, encoder = msgspec.msgpack.Decoder(dag_type), msgspec.msgpack.Encoder()

    def encode(with_cold: bool = True) -> bytes:
        dag, cold = given.document["dag"], b"\xc0"  # nil
        if with_cold:
            rest = {name: value for name, value in dag.items() if name != "tasks"}
            rest["tasks"] = [
                {name: value for name, value in task["__var"].items() if name not in hot_names}
                for task in dag["tasks"]
            ]
            cold = encoder.encode(rest)
        tasks = [
            task_type(*(task["__var"].get(name, default) for name, _, default in hot))
            for task in dag["tasks"]
        ]
        packed: bytes = encoder.encode(dag_type(dag["dag_id"], tasks, msgspec.Raw(cold)))
        return packed

    data, hot_data = encode(), encode(with_cold=False)

    def read_task() -> object:
        tasks = {task.task_id: task for task in decoder.decode(copied(hot_data)).tasks}
        _ = tasks[given.wanted].retries
        return tasks

    return Work(
        timed={"read_task": read_task, "encode": encode},
        retained={"resident_bytes": read_task},
        figures={
            "hot_bytes": len(hot_data),
            "hot_bytes_per_task": len(hot_data) / given.n_tasks,
            "document_bytes": len(data),
            "stored_bytes": len(deflated(data)),
        },
    )


SUBJECTS = (
    CodecSubject(
        "msgspec",
        "msgspec structs",
        frozenset({"format"}),
        ("msgspec",),
        _structs,
        is_quick=False,
        about="tasks decoded straight into slotted objects",
    ),
)
