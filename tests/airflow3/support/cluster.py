"""A small cluster inside one test: a processor elsewhere, an API server's bag and a scheduler here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.airflow3.support.processor import DagProcessor
from tests.hosts.metadata_db import MetadataDb

if TYPE_CHECKING:
    from tests.airflow3.support.scheduler import Scheduler


@dataclass(frozen=True, slots=True)
class Cluster:
    """Who acts in a test; nobody acts by himself.

    Attributes:
        processor: another process, always without the plugin.
        api_dag_bag: what an API server worker keeps.
        scheduler: with the subject of the test in charge.
    """

    processor: DagProcessor
    api_dag_bag: Any
    scheduler: Scheduler
    database: MetadataDb
