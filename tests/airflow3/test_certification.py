"""The demands of a certificate, on Airflow 3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from random import Random
from typing import ClassVar, Final

import pytest

from sched_cache_airflow.certification import comparison
from sched_cache_airflow.certification.comparison import Comparison, Watch
from sched_cache_airflow.certification.dag_document import TaskSpec
from sched_cache_airflow.certification.random_run import RunSpec
from sched_cache_airflow.certification.strata import Case, Circumstance
from sched_cache_airflow.hosts.installed import runtime
from tests.contracts.certification import RARE_LINES, CertificationContract, OnTrial
from tests.contracts.decisions_differential import paired
from tests.hosts.metadata_db import MetadataDb


@contextmanager
def _on_trial(watch: Watch = nullcontext) -> Iterator[Comparison]:
    with paired(watch) as pair, runtime().fast_path.host_code.on_trial():
        yield pair


@pytest.fixture
def on_trial(airflow_db: MetadataDb) -> OnTrial:
    return _on_trial


_LOOP: Final = "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._do_scheduling"
_RESCHEDULE: Final = "airflow.ti_deps.deps.ready_to_reschedule:ReadyToRescheduleDep._get_dep_statuses"


class TestCertification(CertificationContract):
    rare_lines: ClassVar = (
        *RARE_LINES,
        (_RESCHEDULE, 'yield self._passing_status(reason="The task is mapped and not in reschedule mode")'),
        (_RESCHEDULE, 'yield self._passing_status(reason="Task is not in reschedule mode.")'),
        (_LOOP, "dr._team_name = team"),
    )

    def test_a_run_that_never_started_ends(self, on_trial: OnTrial, monkeypatch: pytest.MonkeyPatch) -> None:
        """With callbacks in the DAG, for which Airflow 3.1 needs the start date of the run."""

        def failed(_random: Random) -> Case:
            spec = RunSpec([TaskSpec("one")], {("one", -1): "failed"})
            fields = {"has_on_failure_callback": True, "has_on_success_callback": True}
            return Case(spec, fields, frozenset((Circumstance.NEVER_STARTED,)))

        monkeypatch.setattr(comparison, "stratum_of", lambda seed: failed)
        with on_trial() as compared:
            assert compared.compare_case(1, n_loops=1) == (1, "")
