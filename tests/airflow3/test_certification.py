"""The demands of a certificate, on Airflow 3."""

from __future__ import annotations

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
def on_trial(airflow_db: MetadataDb) -> Callable[[], AbstractContextManager[Comparison]]:
    return _on_trial


class TestCertification(CertificationContract):
    pass
