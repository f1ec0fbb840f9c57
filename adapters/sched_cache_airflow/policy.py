"""Entry point `airflow.policy`: imported first in every process of the host.

It must never raise, because that would break `import airflow`. It imports no module of the host, and has no hooks of
the host's policies. It only waits for the modules that the plugin replaces parts of.
"""

from __future__ import annotations

import logging
from types import ModuleType

from sched_cache_airflow.hosts.patches import airflow2, airflow3
from sched_cache_airflow.patching.import_hook import AfterImport
from sched_cache_airflow.patching.standard_error import say
from sched_cache_airflow.patching.status import status

logger = logging.getLogger("sched_cache.airflow")

_TABLES = (airflow2.PATCHES, airflow3.PATCHES)


_hooks: list[AfterImport] = []


def _after_import(module: ModuleType) -> None:
    try:
        if not status.decide():
            return
        from sched_cache_airflow.hosts.installed import host_process

        status.installed = host_process().install(module.__name__)
    except Exception as error:
        status.fail(f"after {module.__name__}: {type(error).__name__}: {error}")
        for hook in _hooks:
            hook.stop()


def _after_writer(module: ModuleType) -> None:
    try:
        if status.decide():
            from sched_cache_airflow.hosts.installed import host_process

            host_process().write_events.start(vars(module).get("SerializedDagModel"))
    except Exception as error:
        what = f"sched_cache: writes of {module.__name__} are not noticed: {type(error).__name__}: {error}"
        say(logger, logging.ERROR, what, error)


def _start() -> None:
    try:
        # Those of every host: which one is here is asked when there is something to replace.
        users = [name for table in _TABLES for name in table.users]
        writers = [name for table in _TABLES for name in table.writers]
        for names, call in ((users, _after_import), (writers, _after_writer)):
            _hooks.append(AfterImport(names, call))
        for hook in list(_hooks):
            hook.start()
    except Exception as error:
        what = (
            f"sched_cache stays off: it could not wait for Airflow's modules: {type(error).__name__}: {error}"
        )
        say(logger, logging.ERROR, what, error)


_start()
