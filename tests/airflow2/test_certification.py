"""The demands of a certificate, on Airflow 2."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import ClassVar, Final

import pytest
from airflow.serialization.serialized_objects import SerializedDAG
from airflow.ti_deps.deps.ready_to_reschedule import ReadyToRescheduleDep
from airflow.utils.session import create_session

from sched_cache_airflow.certification.comparison import Comparison, Watch
from sched_cache_airflow.certification.dag_document import TaskSpec, document_of
from sched_cache_airflow.certification.pinned_lines import lines_of_host
from sched_cache_airflow.certification.strata import STRATA, alone
from sched_cache_airflow.hosts.airflow2.certification.documents import as_installed
from sched_cache_airflow.hosts.airflow2.certification.scheduler import IdleExecutor, new_runner
from sched_cache_airflow.hosts.airflow2.certification.sorted_rows import sorted_rows
from sched_cache_airflow.hosts.installed import runtime
from tests.contracts.certification import RARE_LINES, CertificationContract, OnTrial
from tests.contracts.decisions_differential import paired
from tests.hosts.metadata_db import MetadataDb
from tests.hosts.statements import statements

_RESCHEDULE: Final = "airflow.ti_deps.deps.ready_to_reschedule:ReadyToRescheduleDep._get_dep_statuses"
_EXPAND: Final = "airflow.models.abstractoperator:AbstractOperator.expand_mapped_task"


@contextmanager
def _on_trial(watch: Watch = nullcontext) -> Iterator[Comparison]:
    with paired(watch) as comparison, runtime().fast_path.host_code.on_trial():
        yield comparison


@pytest.fixture
def on_trial(airflow_db: MetadataDb, quiet_host: None) -> OnTrial:
    return _on_trial


def test_a_process_of_a_trial_can_delete_task_instances(airflow_db: MetadataDb) -> None:
    """Their notes refer to the table of users, which is that of the host's manager of users."""
    module = "sched_cache_airflow.hosts.airflow2.certification.loops"
    program = f"from {module} import Loops; Loops(); from airflow.models.base import Base; Base.metadata.sorted_tables"
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)


@pytest.mark.parametrize("over", [None, ["value"]], ids=["not mapped", "mapped"])
def test_a_sensor_in_a_document_has_the_dependencies_of_one(
    over: list[str] | None, airflow_db: MetadataDb, quiet_host: None
) -> None:
    """A trial without it never compares a task that has asked for a time."""
    sensor = TaskSpec("sensor", over=over, fields={"_is_sensor": True, "reschedule": True})
    dag = SerializedDAG.from_dict(as_installed(document_of([sensor], "airflow2")))
    assert ReadyToRescheduleDep() in dag.get_task("sensor").deps


def test_the_task_instances_that_a_loop_may_queue_have_one_order(
    airflow_db: MetadataDb, quiet_host: None
) -> None:
    """A limit would otherwise choose others on the host's own path than with the plugin."""
    runner = new_runner(IdleExecutor())
    with sorted_rows(), statements() as sent, create_session() as session:
        runner._executable_task_instances_to_queued(1, session)
    (order,) = (
        one.rpartition("ORDER BY ")[2] for one in sent if ".map_index" in one.rpartition("ORDER BY ")[2]
    )
    assert order.partition(".map_index, ")[2].partition("\n")[0].split(".")[1:] == [
        "dag_id, task_instance",
        "run_id, task_instance",
        "task_id ",
    ]


class TestCertification(CertificationContract):
    rare_lines: ClassVar = (
        *RARE_LINES,
        (_RESCHEDULE, 'yield self._passing_status(reason="The task is mapped and not in reschedule mode")'),
        (_RESCHEDULE, 'yield self._passing_status(reason="Task is not in reschedule mode.")'),
        (_EXPAND, "ti.state = TaskInstanceState.REMOVED"),
    )

    def test_one_task_of_two_runs_is_queued_alone(self, on_trial: OnTrial) -> None:
        """The host has a filter of its own for that, which a loop uses when it sets the task instances to queued."""
        lines = lines_of_host(["airflow.models.taskinstance:TaskInstance.filter_for_tis"])
        first = STRATA.index(alone)
        with on_trial(lines.watched) as comparison:
            for seed in range(first, first + 3 * len(STRATA), len(STRATA)):
                assert not comparison.compare_case(seed).difference
        of_filter = [line for line in lines.all() if "TaskInstance.run_id.in_(run_ids)" in line.text]
        assert of_filter
        assert [line for line in lines.missing() if line in of_filter] == []
