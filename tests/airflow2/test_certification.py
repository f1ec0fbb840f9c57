"""The demands of a certificate, on Airflow 2."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from sched_cache_airflow.certification.comparison import Comparison
from sched_cache_airflow.hosts.installed import runtime
from tests.contracts.certification import CertificationContract
from tests.contracts.decisions_differential import paired
from tests.hosts.metadata_db import MetadataDb


@contextmanager
def _on_trial() -> Iterator[Comparison]:
    with paired() as comparison, runtime().fast_path.host_code.on_trial():
        yield comparison


@pytest.fixture
def on_trial(airflow_db: MetadataDb, quiet_host: None) -> Callable[[], AbstractContextManager[Comparison]]:
    return _on_trial


def test_a_process_of_a_trial_can_delete_task_instances(airflow_db: MetadataDb) -> None:
    """Their notes refer to the table of users, which is that of the host's manager of users."""
    module = "sched_cache_airflow.hosts.airflow2.certification.loops"
    program = f"from {module} import Loops; Loops(); from airflow.models.base import Base; Base.metadata.sorted_tables"
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)


class TestCertification(CertificationContract):
    pass
