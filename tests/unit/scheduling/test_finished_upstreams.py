"""Which finished rows the host reads for those it is asked about."""

from __future__ import annotations

from sched_cache.format import decode_dag, encode_dag
from sched_cache.scheduling import (
    AIRFLOW_2,
    AIRFLOW_3,
    BlockedProof,
    HostRules,
    SlimTaskInstances,
    finished_rows_read,
)
from sched_cache_airflow.certification.dag_document import TaskSpec, document_of

TASKS = [
    TaskSpec("setup", ["a", "teardown"], fields={"is_setup": True}),
    TaskSpec("a", ["b"]),
    TaskSpec("b", ["c"]),
    TaskSpec("c", ["teardown"]),
    TaskSpec("teardown", [], fields={"is_teardown": True, "trigger_rule": "all_done_setup_success"}),
    TaskSpec("own", [], fields={"deps": ["my_plugin.MyDep"]}),
]


def read_for(asked: str, *, finished: tuple[str, ...], host: HostRules = AIRFLOW_3) -> set[str] | None:
    encoded = encode_dag(document_of(TASKS, "airflow2" if host is AIRFLOW_2 else "airflow3"))
    dag = decode_dag(encoded.hot, encoded.cold)
    states = {task.task_id: "success" if task.task_id in finished else None for task in TASKS}
    rows = SlimTaskInstances.from_rows(dag, [(task_id, -1, state) for task_id, state in states.items()])
    read = finished_rows_read(BlockedProof(dag, host), rows, [dag.index(asked)])
    return None if read is None else {rows[row].task_id for row in read}


ALL = ("setup", "a", "b", "c", "own")


def test_a_task_reads_its_upstreams_and_setups() -> None:
    """The finished ones among them and no others."""
    assert read_for("c", finished=ALL) == {"b", "setup"}
    assert read_for("c", finished=("setup", "a")) == {"setup"}
    assert read_for("setup", finished=ALL) == set()


def test_a_teardown_reads_everything_above_it() -> None:
    """Its scope is what lies between it and its setups."""
    assert read_for("teardown", finished=ALL) == {"setup", "a", "b", "c"}


def test_nobody_knows_what_a_dependency_of_its_own_reads() -> None:
    """So the host must have all that finished."""
    assert read_for("own", finished=ALL, host=AIRFLOW_2) is None
    assert read_for("own", finished=ALL, host=AIRFLOW_3) == set()
