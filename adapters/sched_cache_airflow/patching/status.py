"""The status of the plugin in this process: on, or off for a reason."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from sched_cache_airflow.patching.standard_error import say
from sched_cache_airflow.releases import WORKS_WITHOUT_THE_PLUGIN, host_version, release_of, supported
from sched_cache_airflow.settings.wrong_options import WrongOption, in_one_line

logger = logging.getLogger("sched_cache.airflow")

_SWITCHED_OFF = "[sched_cache] enabled is false"


class Status:
    """The state of the plugin. It is decided once, when the first module of the host can be patched."""

    def __init__(self) -> None:
        self.is_on: bool | None = None
        """None until it is decided."""
        self.reason = "Airflow has not imported the modules that the plugin replaces parts of"
        self.installed: list[str] = []
        self.wrong: tuple[WrongOption, ...] = ()
        """Options that are not used as configured."""
        self.left: dict[str, str] = {}
        """Parts that stay the host's own while the rest is on, each with the reason."""
        self._parts = ""

    def decide(self, *, is_quiet: bool = False) -> bool:
        """Whether to install the plugin. Reads the host's configuration the first time, and logs the result."""
        if self.is_on is None:
            self.is_on, self.reason = self._decision()
            if not is_quiet:
                self._say()
        return self.is_on

    def _say(self) -> None:
        as_wanted = not self.wrong and (self.is_on or self.reason == _SWITCHED_OFF)
        said = "is on" if self.is_on else f"stays off: {self.reason}"
        if self.is_on and self.wrong:
            said = f"is on, in part: {in_one_line(self.wrong)}"
        say(logger, logging.DEBUG if as_wanted else logging.WARNING, f"sched_cache {said}")

    def has_part(self, name: str) -> bool:
        """Whether there is such a module for this host."""
        # Its spec is not used, because finding it would import the parent package.
        folder = Path(__file__).parents[1].joinpath(*self._parts.split(".")[1:])
        return bool(self._parts) and any((folder / file).exists() for file in (name, f"{name}.py"))

    def leave(self, parts: Mapping[str, str]) -> None:
        """Records which parts stay the host's own. Logs each once."""
        for part, reason in parts.items():
            if part not in self.left:
                say(logger, logging.WARNING, f"sched_cache leaves {part} to Airflow: {reason}")
        self.left = dict(parts)

    def fail(self, reason: str) -> None:
        """Records a failure, after all replacements were removed: see `Installation`."""
        self.is_on = False
        self.installed = []
        self.reason = reason
        say(logger, logging.ERROR, f"sched_cache stays off: {reason}")

    def _decision(self) -> tuple[bool, str]:
        version = host_version()
        if version is None:
            return False, "apache-airflow is not installed"
        release = release_of(version)
        if release is None:
            if _is_switched_off():
                return False, _SWITCHED_OFF
            return (
                False,
                f"Airflow {version} is not supported, only {supported()}; {WORKS_WITHOUT_THE_PLUGIN}",
            )
        self._parts = release.host.folder
        try:
            from sched_cache_airflow.settings.host_settings import settings_of_host

            settings = settings_of_host()
        except Exception as error:
            return False, f"{type(error).__name__}: {error}"
        self.wrong = settings.wrong
        if not settings.enabled:
            return False, in_one_line(settings.wrong) or _SWITCHED_OFF
        return True, ""


status = Status()
"""The status of this process, for `sched-cache doctor` and the page in the UI."""


def _is_switched_off() -> bool:
    """Whether the plugin is switched off in an unknown release."""
    try:
        from sched_cache_airflow.settings.host_settings import settings_of_host

        settings = settings_of_host()
        return not settings.enabled and not settings.wrong
    except Exception:  # such a release may lack the modules that this needs
        return False
