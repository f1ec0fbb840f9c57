"""Certificates on Airflow 2."""

from __future__ import annotations

from tests.airflow2.test_fast_path import fast_host as fast_host  # a fixture
from tests.contracts.certificates import CertificatesContract, PinnedContract
from tests.contracts.certificates import no_pins as no_pins  # a fixture


class TestCertificates(CertificatesContract):
    pass


class TestPinned(PinnedContract):
    pass
