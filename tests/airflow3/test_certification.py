"""The demands of a certificate, on Airflow 3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import ClassVar, Final

import pytest

from sched_cache_airflow.certification.comparison import Comparison, Watch
from sched_cache_airflow.hosts.installed import runtime
from tests.contracts.certification import RARE_LINES, CertificationContract, OnTrial
from tests.contracts.decisions_differential import paired
from tests.hosts.metadata_db import MetadataDb


@contextmanager
def _on_trial(watch: Watch = nullcontext) -> Iterator[Comparison]:
    with paired(watch) as comparison, runtime().fast_path.host_code.on_trial():
        yield comparison


@pytest.fixture
def on_trial(airflow_db: MetadataDb) -> OnTrial:
    return _on_trial


_RESCHEDULE: Final = "airflow.ti_deps.deps.ready_to_reschedule:ReadyToRescheduleDep._get_dep_statuses"


class TestCertification(CertificationContract):
    rare_lines: ClassVar = (
        *RARE_LINES,
        (_RESCHEDULE, 'yield self._passing_status(reason="The task is mapped and not in reschedule mode")'),
        (_RESCHEDULE, 'yield self._passing_status(reason="Task is not in reschedule mode.")'),
    )
