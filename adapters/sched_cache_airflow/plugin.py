"""Entry point `airflow.plugins`: the entry in Airflow's list of plugins, and the second chance to install."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from sched_cache_airflow.patching.standard_error import say
from sched_cache_airflow.patching.status import status

logger = logging.getLogger("sched_cache.airflow")


class _Registered:
    """The additions of the plugin to the API server, created on request. Schedulers and tasks never import them."""

    def __init__(self, make: Callable[[], list[dict[str, Any]]]) -> None:
        self._make = make
        self._made: list[dict[str, Any]] | None = None

    def __get__(self, plugin: object, owner: type[Any]) -> list[dict[str, Any]]:
        if self._made is None:
            self._made = []
            try:
                if status.is_on and status.has_part("ui"):
                    self._made = self._make()
            except Exception as error:
                what = f"the page of sched_cache is missing: {type(error).__name__}: {error}"
                say(logger, logging.ERROR, what, error)
        return self._made


def _fastapi_apps() -> list[dict[str, Any]]:
    from sched_cache_airflow.hosts.airflow3.ui.entries import fastapi_apps
    from sched_cache_airflow.hosts.installed import host_process

    return fastapi_apps(host_process())


def _external_views() -> list[dict[str, Any]]:
    from sched_cache_airflow.hosts.airflow3.ui.entries import external_views

    return external_views()


class SchedCachePlugin(AirflowPlugin):
    """The plugin as Airflow sees it. The work is done by the parts that `install` of the host puts in place."""

    name = "sched_cache"
    fastapi_apps = _Registered(_fastapi_apps)
    external_views = _Registered(_external_views)

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Installs what is not yet installed: `airflow.policy` entry points can be left out of an image."""
        try:
            if status.decide():
                from sched_cache_airflow.hosts.installed import host_process

                status.installed = host_process().install()
        except Exception as error:
            status.fail(f"on_load: {type(error).__name__}: {error}")
