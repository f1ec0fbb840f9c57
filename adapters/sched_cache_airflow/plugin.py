"""Entry point `airflow.plugins`: what Airflow lists among its plugins, and the second chance to install."""

from __future__ import annotations

import logging
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from sched_cache_airflow.policy import status

logger = logging.getLogger("sched_cache.airflow")


class SchedCachePlugin(AirflowPlugin):
    """The plugin as Airflow sees it. The work is done by the parts that `airflow3.install` puts in place."""

    name = "sched_cache"

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Installs what is not yet installed: `airflow.policy` entry points can be left out of an image."""
        try:
            if status.decide():
                from sched_cache_airflow.airflow3.install import install

                status.installed = install()
        except Exception as error:
            status.fail(f"on_load: {type(error).__name__}: {error}")
