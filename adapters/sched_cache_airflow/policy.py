"""Entry point `airflow.policy`: imported first in every process of the host.

It must never raise, because that would break `import airflow`. It imports no module of the host, and has no hooks of
the host's policies. It only waits for the modules that the plugin replaces parts of.
"""

from __future__ import annotations

import logging
from types import ModuleType

from sched_cache_airflow.patching.import_hook import AfterImport
from sched_cache_airflow.patching.standard_error import say
from sched_cache_airflow.patching.status import status

logger = logging.getLogger("sched_cache.airflow")

# Those that use what is replaced, and that import its modules completely before. While a module is being imported
# nothing of ours could import it.
_USERS = (
    "airflow.jobs.scheduler_job_runner",
    "airflow.jobs.triggerer_job_runner",
    "airflow.jobs.dag_processor_job_runner",
    "airflow.api_fastapi.common.dagbag",
    "airflow.www.extensions.init_dagbag",
    "airflow.www.gunicorn_config",
)

# Those that write contents or delete them. Commands that do so import none of the above.
_WRITERS = (
    "airflow.models.serialized_dag",
    "airflow.utils.db_cleanup",
    "airflow.api.common.delete_dag",
)


_hooks: list[AfterImport] = []


def _after_import(module: ModuleType) -> None:
    try:
        if not status.decide():
            return
        status.installed = status.part("install").install(module.__name__)
    except Exception as error:
        status.fail(f"after {module.__name__}: {type(error).__name__}: {error}")
        for hook in _hooks:
            hook.stop()


def _after_writer(module: ModuleType) -> None:
    try:
        if status.decide():
            model = vars(module).get("SerializedDagModel")
            status.part("write_events").write_events.start(model)
    except Exception as error:
        what = f"sched_cache: writes of {module.__name__} are not noticed: {type(error).__name__}: {error}"
        say(logger, logging.ERROR, what, error)


def _start() -> None:
    try:
        for names, call in ((_USERS, _after_import), (_WRITERS, _after_writer)):
            _hooks.append(AfterImport(names, call))
        for hook in list(_hooks):
            hook.start()
    except Exception as error:
        what = (
            f"sched_cache stays off: it could not wait for Airflow's modules: {type(error).__name__}: {error}"
        )
        say(logger, logging.ERROR, what, error)


_start()
