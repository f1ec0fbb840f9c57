"""Whether the plugin is on in this process, and if not, why not."""

from __future__ import annotations

import logging
from importlib import metadata

logger = logging.getLogger("sched_cache.airflow")

SUPPORTED = ("3.3.",)
"""Releases of Airflow whose code the replacements were made for and tested with."""

_SWITCHED_OFF = "[sched_cache] enabled is false"


class Status:
    """Decided once, when the first module of the host is there to be changed."""

    def __init__(self) -> None:
        self.is_on: bool | None = None
        """None until it is decided."""
        self.reason = "Airflow has not imported the modules in question"
        self.installed: list[str] = []

    def decide(self) -> bool:
        """Whether to change anything. Reads the host's configuration the first time."""
        if self.is_on is None:
            self.is_on, self.reason = self._decision()
            # Commands of the host print to the same stream: say nothing while all is as the operator wants it.
            as_wanted = self.is_on or self.reason == _SWITCHED_OFF
            logger.log(
                logging.DEBUG if as_wanted else logging.WARNING,
                "sched_cache is on" if self.is_on else "sched_cache stays off: %s",
                *(() if self.is_on else (self.reason,)),
            )
        return self.is_on

    def fail(self, reason: str) -> None:
        """Notes what went wrong. What was replaced so far stays, and falls back by itself."""
        self.is_on = False
        self.reason = reason
        logger.error("sched_cache stays off: %s", reason)

    def _decision(self) -> tuple[bool, str]:
        try:
            version = metadata.version("apache-airflow-core")
        except metadata.PackageNotFoundError:
            return False, "apache-airflow-core is not installed"
        if not version.startswith(SUPPORTED):
            return False, f"Airflow {version} is not supported, only {', '.join(SUPPORTED)}x"
        try:
            from sched_cache_airflow.host_settings import settings_of_host

            settings = settings_of_host()
        except Exception as error:
            return False, f"{type(error).__name__}: {error}"
        if not settings.enabled:
            return False, _SWITCHED_OFF
        return True, ""
