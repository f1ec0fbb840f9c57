"""The installation on Airflow 2.11."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

from tests.contracts.installation import InstallationContract


class TestInstallation(InstallationContract):
    """Scheduler and webserver in one process."""

    users: ClassVar[tuple[str, ...]] = (
        "airflow.jobs.scheduler_job_runner",
        "airflow.www.extensions.init_dagbag",
        "airflow.www.gunicorn_config",
        "airflow.api.common.trigger_dag",
    )
    optional: ClassVar[frozenset[tuple[str, str]]] = frozenset(
        (module, "DagBag")
        for module in (
            "airflow.models",
            "airflow.models.taskinstance",
            "airflow.jobs.scheduler_job_runner",
            "airflow.api.common.trigger_dag",
            "airflow.www.extensions.init_dagbag",
        )
    )

    def parts(self) -> Any:
        return import_module("sched_cache_airflow.airflow2.install")
