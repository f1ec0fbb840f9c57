"""A certificate in real processes on Airflow 2."""

from __future__ import annotations

from tests.airflow2.test_fast_path import fast_host as fast_host  # a fixture
from tests.contracts.certified_processes import CertifiedProcessesContract


class TestCertifiedProcesses(CertifiedProcessesContract):
    pass
