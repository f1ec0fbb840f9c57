"""Tests of Airflow that fail with the plugin because they pin an internal which it replaces, each with the reason.

A test belongs here only if no caller of Airflow could notice what it pins. Every other difference is a fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_SCHEDULER: Final = "tests/jobs/test_scheduler_job.py::TestSchedulerJob"
_BAG: Final = "tests/models/test_dagbag.py::TestDagBag"
_CONTENTS: Final = "tests/models/test_serialized_dag.py::TestSerializedDagModel"
_SCHEDULER_3: Final = "airflow-core/tests/unit/jobs/test_scheduler_job.py::TestSchedulerJob"
_COUNTS: Final = (
    "counts the statements of all threads of the process; those in which the plugin reads the hash and the content, and"
    " its threads publish what was written, are counted too"
)

PINNED: Final[Mapping[str, Mapping[str, str]]] = {
    "3.2.": {
        f"{_SCHEDULER_3}::test_schedule_all_dag_runs_reraises_db_errors": (
            "takes `__wrapped__` of `_schedule_all_dag_runs` for the function without Airflow's decorator for retries;"
            " `__wrapped__` of the plugin's replacement is the method with that decorator"
        ),
    },
    "2.10.": {
        f"{_SCHEDULER}::test_verify_integrity_if_dag_changed": (
            "calls `_schedule_dag_run` outside of a loop, where the plugin's bag may be `max_staleness_seconds` old,"
            " and expects the DAG object that the test has edited in the bag, which Airflow's bag keeps for ten seconds"
        ),
        f"{_SCHEDULER}::test_verify_integrity_if_dag_disappeared": (
            "puts a mock into `DagBag.dags` that answers `get` twice; the plugin's bag reads the hash of the DAG first,"
            " and looks it up in another order"
        ),
        f"{_BAG}::test_get_dag_with_dag_serialization": _COUNTS,
        f"{_BAG}::test_get_dag_refresh_race_condition": _COUNTS,
        f"{_CONTENTS}::test_bulk_sync_to_db[raw-serialized_dags]": _COUNTS,
        f"{_CONTENTS}::test_bulk_sync_to_db[compress-serialized_dags]": _COUNTS,
    },
}
"""By the prefix of the release: the id of each test, as pytest names it from the root of the checkout."""


def pinned_in(release: str) -> Mapping[str, str]:
    """Those of a release of Airflow."""
    return next((tests for prefix, tests in PINNED.items() if release.startswith(prefix)), {})
