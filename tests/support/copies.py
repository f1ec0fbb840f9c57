"""Pickles and copies of a DAG, its tasks and its groups, compared with those of the host's own objects."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

Form = Callable[[Any], Any]


def forms() -> Iterator[tuple[str, Form]]:
    """The ways to create a second object."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield f"pickle {protocol}", partial(_pickled, protocol=protocol)
    yield "copy", copy.copy
    yield "deepcopy", copy.deepcopy
    if find_spec("cloudpickle") is not None:
        yield "cloudpickle", lambda thing: pickle.loads(import_module("cloudpickle").dumps(thing))


def _pickled(thing: Any, protocol: int | None = None) -> Any:
    return pickle.loads(pickle.dumps(thing, protocol))


_COPIES: tuple[Form, ...] = (_pickled, copy.deepcopy)


def things(dag: Any) -> Iterator[tuple[str, Any]]:
    """The objects that a caller may have got from a DAG. `dag`: from the document that has every kind of task."""
    yield "dag", dag
    for task_id in ("plain", "mapped", "last", "around.inside"):
        yield task_id, dag.get_task(task_id)
    yield "root group", dag.task_group
    yield "mapped group", dag.task_group.children["around"]


def differences(stock: Any, ours: Any, fields: tuple[str, ...]) -> list[str]:
    """The classes and values that differ between a copy of ours and a copy of the host's own object."""
    found = []
    for (name, theirs), (_, mine) in zip(things(stock), things(ours), strict=True):
        for form, make in forms():
            there, here = (_seen(make, thing, fields) for thing in (theirs, mine))
            if there != here:
                found.append(f"{name}, {form}: stock {there}, ours {here}")
    return found


def _seen(make: Form, thing: Any, fields: tuple[str, ...]) -> Any:
    try:
        made = make(thing)
    except Exception as error:
        return type(error).__name__
    dag = made if hasattr(made, "task_dict") else made.dag
    return type(made), {name: _shown(getattr(made, name, None)) for name in fields}, sorted(dag.task_dict)


def _shown(value: Any) -> str:
    if isinstance(value, (set, frozenset)):
        return repr(sorted(value))
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def check_identity(dag: Any) -> None:
    """A DAG and its task still belong together after they were pickled or copied together."""
    for make in _COPIES:
        made, task = make((dag, dag.get_task("plain")))
        assert made.get_task("plain") is task
        assert task.dag is made
        assert task.task_group.dag is made


def check_changes_survive(dag: Any) -> None:
    """Attributes that were assigned to the DAG or to a task are in the copy, too."""
    task = dag.get_task("plain")
    dag.doc_md, task.retries, task.owner = "changed", 77, "somebody"
    for make in (*_COPIES, copy.copy):
        assert make(dag).doc_md == "changed"
        assert (make(task).retries, make(task).owner) == (77, "somebody")
        assert make(dag).get_task("plain").retries == 77


def check_needs_no_plugin(dag: Any) -> None:
    """A process that has never heard of the plugin reads what was pickled here."""
    for name, thing in things(dag):
        assert b"sched_cache" not in pickle.dumps(thing), name


def check_insides(stock: Any, ours: Any) -> None:
    """`vars` and `dir` have what they have on stock."""
    for (name, theirs), (_, mine) in zip(things(stock), things(ours), strict=True):
        assert set(dir(theirs)) <= set(dir(mine)), name
        if hasattr(theirs, "__dict__") and name != "dag":
            assert set(vars(theirs)) == set(vars(mine)), name


def check_task_dict_counts(dag: Any) -> None:
    """A task that is removed from the DAG's tasks stays removed."""
    del dag.task_dict["last"]
    assert not dag.has_task("last")
    assert "last" not in dag.task_ids
    try:
        dag.get_task("last")
    except Exception as error:
        assert type(error).__name__ == "TaskNotFound"
    else:
        raise AssertionError("the task is still there")
    assert dag.get_task("plain") is dag.task_dict["plain"]
