"""Our simple classes beside the real ones of Airflow 1.10.15.

That release runs on Python 3.8 and this project does not, so each side runs in its own interpreter: the host
describes what it has, and gives its own serialized documents. Skipped where that environment is not made;
`python3 -m tools environment airflow-1.10.15` makes it where there is a Python 3.8.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from sched_cache.format import decode_dag, encode_dag
from sched_cache.scheduling import SlimTaskInstance
from sched_cache_airflow.simple_dag import (
    SimpleDag,
    SimpleDagBag,
    SimpleTaskInstance,
    pack_task_instances,
)
from sched_cache_airflow.simple_dag.host_errors import UnknownDagError

DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)
_HOST_PYTHON = Path(__file__).parents[2] / ".venvs" / "airflow-1.10.15" / "bin" / "python"
_DESCRIBE = Path(__file__).with_name("describe_host.py")
_OURS_ALONE = {
    # How they are made and travel here.
    "SimpleDag": {"pack", "unpack"},
    "SimpleDagBag": set[str](),
    "SimpleTaskInstance": {"DATES", "FIELDS", "KEY_FIELDS", "from_slim", "from_values", "values"},
}


@pytest.fixture(scope="module")
def host() -> dict[str, Any]:
    """The output of `describe_host`."""
    if not (_HOST_PYTHON.parent.parent / "made-from").exists():
        pytest.skip("the environment airflow-1.10.15 is not made; it needs a Python 3.8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run(
        [_HOST_PYTHON, "-I", "-B", _DESCRIBE], capture_output=True, text=True, timeout=120, env=environment
    )
    assert done.returncode == 0, done.stderr
    described: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert described["version"] == "1.10.15"
    return described


@pytest.fixture(scope="module")
def simple_dag(host: dict[str, Any]) -> SimpleDag:
    return SimpleDag(decode_dag(encode_dag(host["document"]).hot), 9)


def arguments_of(cls: type, name: str) -> list[str] | None:
    if isinstance(inspect.getattr_static(cls, name), property):
        return None
    return list(inspect.signature(getattr(cls, name)).parameters)


@pytest.mark.parametrize("cls", [SimpleDag, SimpleDagBag, SimpleTaskInstance])
def test_public_names_and_arguments_are_the_hosts(host: dict[str, Any], cls: type) -> None:
    """Ours may have more, listed here, and take more behind the host's arguments."""
    theirs = host["surfaces"][cls.__name__]
    ours = {name for name in dir(cls) if not name.startswith("_")} | {"__init__"}
    assert ours - set(theirs) == _OURS_ALONE[cls.__name__]
    for name, wanted in theirs.items():
        found = arguments_of(cls, name)
        assert found is not None if wanted is not None else found is None
        assert (found or [])[: len(wanted or [])] == (wanted or [])


def test_a_simple_dag_from_the_hosts_document_has_the_hosts_values(
    host: dict[str, Any], simple_dag: SimpleDag
) -> None:
    assert {name: getattr(simple_dag, name) for name in host["simple_dag"]} == host["simple_dag"]
    for task_id, name, value in host["special_args"]:
        assert simple_dag.get_task_special_arg(task_id, name) == value


def test_a_bag_answers_as_the_hosts(host: dict[str, Any], simple_dag: SimpleDag) -> None:
    other = SimpleDag(decode_dag(encode_dag({"dag": {"dag_id": "other", "tasks": []}}).hot))
    bag = SimpleDagBag([simple_dag, other])
    assert list(bag.dag_ids) == host["bag"]["dag_ids"]
    assert type(bag.dag_ids).__name__ == host["bag"]["is_view"]
    assert (bag.get_dag("d") is simple_dag) == host["bag"]["finds"]
    with pytest.raises(UnknownDagError) as raised:
        bag.get_dag("nobody")
    assert str(raised.value) == host["bag"]["unknown"]


def test_a_task_instance_from_a_row_has_the_hosts_values(host: dict[str, Any]) -> None:
    """Each of nine: three tasks with fields of all kinds, in three states."""
    dag = decode_dag(encode_dag(host["document"]).hot)
    assert len(host["task_instances"]) == 9
    for described in host["task_instances"]:
        task_id, state, tries, start = described["row"]
        started = None if start is None else datetime.fromtimestamp(start, timezone.utc)
        simple = SimpleTaskInstance.from_slim(
            dag, SlimTaskInstance(task_id, -1, state, tries, started, None), DAY
        )
        ours = {name: getattr(simple, name) for name in described["values"]}
        assert json.loads(json.dumps(ours, default=str)) == described["values"]


def test_bytes_are_a_fifth_of_the_hosts_pickles(host: dict[str, Any]) -> None:
    pickled = host["pickled"]
    dag = decode_dag(encode_dag(pickled["document"]).hot)
    assert dag.n_tasks == 1000
    assert len(SimpleDag(dag).pack()) * 5 <= pickled["simple_dag"]
    rows = (SlimTaskInstance(task_id, -1, None, 0) for task_id in dag.task_ids)
    packed = pack_task_instances(SimpleTaskInstance.from_slim(dag, row, DAY) for row in rows)
    assert len(packed) * 5 <= pickled["simple_task_instances"]
