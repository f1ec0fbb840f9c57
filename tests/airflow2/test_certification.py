"""The demands of a certificate, on Airflow 2."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest
from airflow.serialization.serialized_objects import SerializedDAG
from airflow.ti_deps.deps.ready_to_reschedule import ReadyToRescheduleDep

from sched_cache_airflow.certification.comparison import Comparison, Watch
from sched_cache_airflow.certification.dag_document import TaskSpec, document_of
from sched_cache_airflow.hosts.airflow2.certification.documents import as_installed
from sched_cache_airflow.hosts.installed import runtime
from tests.contracts.certification import CertificationContract, OnTrial
from tests.contracts.decisions_differential import paired
from tests.hosts.metadata_db import MetadataDb


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


class TestCertification(CertificationContract):
    pass
