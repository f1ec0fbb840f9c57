"""One field of all tasks at once is what it is for each of them."""

from __future__ import annotations

import pytest

from sched_cache.format import decode_dag, encode_dag
from sched_cache.scheduling.effective import effective_column
from sched_cache_airflow.certification.dag_document import TaskSpec, document_of

MAPPED = TaskSpec("mapped", over=["value"], fields={"trigger_rule": "one_done"})


@pytest.mark.parametrize(
    "tasks",
    [
        [],
        [TaskSpec("plain")],
        [TaskSpec("plain"), TaskSpec("own", fields={"trigger_rule": "all_done"}), MAPPED, TaskSpec("other")],
        [TaskSpec("own", fields={"trigger_rule": None}), TaskSpec("plain")],
    ],
)
def test_it_equals_the_field_of_each_task(tasks: list[TaskSpec]) -> None:
    """Its own value, else that of its partial arguments, else the document's default, else the schema's."""
    document = document_of(tasks)
    for defaults in ({}, {"trigger_rule": "none_failed"}):
        document["client_defaults"] = {"tasks": defaults}
        dag = decode_dag(encode_dag(document).hot)
        for name in ("trigger_rule", "is_setup", "retries", "pool"):
            expected = [dag.effective(index, name) for index in range(dag.n_tasks)]
            assert effective_column(dag, name) == expected
