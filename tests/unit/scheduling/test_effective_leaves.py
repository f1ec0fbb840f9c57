"""Which tasks tell how a run has ended. That it is the host's answer is tested beside the host."""

from __future__ import annotations

import pytest

from sched_cache.format import decode_dag, encode_dag
from sched_cache.scheduling import AIRFLOW_2, AIRFLOW_3
from sched_cache.scheduling.effective_leaves import effective_leaves
from sched_cache_airflow.certification.dag_document import TaskSpec, document_of

TEARDOWN = {"is_teardown": True}
FAILS_RUN = {"is_teardown": True, "on_failure_fail_dagrun": True}


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ([], []),
        ([TaskSpec("a", ["b"]), TaskSpec("b"), TaskSpec("c")], ["b", "c"]),
        ([TaskSpec("a", ["down"]), TaskSpec("down", fields=TEARDOWN)], ["a"]),
        ([TaskSpec("a", ["down"]), TaskSpec("down", fields=FAILS_RUN)], ["down"]),
        ([TaskSpec("a", ["b", "down"]), TaskSpec("b"), TaskSpec("down", fields=TEARDOWN)], ["b"]),
        ([TaskSpec("one", ["two"], fields=TEARDOWN), TaskSpec("two", fields=TEARDOWN)], ["two"]),
    ],
)
def test_what_has_nothing_below_that_counts_is_a_leaf(tasks: list[TaskSpec], expected: list[str]) -> None:
    """A teardown counts only if it may fail the run, unless there is nothing else."""
    dag = decode_dag(encode_dag(document_of(tasks)).hot)
    assert [dag.task_ids[index] for index in effective_leaves(dag, AIRFLOW_3)] == expected


def test_a_mapped_teardown_fails_no_run_of_airflow_2() -> None:
    """There its partial arguments say whether it is one, but not that."""
    dag = decode_dag(
        encode_dag(document_of([TaskSpec("a", ["b"]), TaskSpec("b", over="a", fields=FAILS_RUN)])).hot
    )
    assert effective_leaves(dag, AIRFLOW_3) == [dag.index("b")]
    assert effective_leaves(dag, AIRFLOW_2) == [dag.index("a")]
