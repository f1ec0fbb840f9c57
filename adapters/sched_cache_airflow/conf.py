"""Options in `airflow.cfg`, section `[sched_cache]`, and so `AIRFLOW__SCHED_CACHE__*` in the environment.

Every option of `sched_cache.Config` may stand there under its own name, and those of `Settings` beside them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from sched_cache.config import Config, options
from sched_cache.config.kind import Flag, Number
from sched_cache.config.option import option
from sched_cache.errors import ConfigError

SECTION = "sched_cache"

HOST_DEFAULTS: Mapping[str, Any] = {
    # One process of Airflow is not the cluster: a Redis inside it would be shared with nobody.
    "redis_url": None,
    # Metadata databases have few connections to spare.
    "database_pool_size": 2,
}


@dataclass(frozen=True, slots=True)
class Patterns:
    """A tuple of patterns of DAG ids; in the configuration with commas between."""

    allowed: str = "DAG ids, separated by commas; `*` is any text, `?` any character"

    def read(self, text: str) -> tuple[str, ...]:
        return tuple(pattern.strip() for pattern in text.split(",") if pattern.strip())

    def check(self, value: Any) -> None:
        if not isinstance(value, tuple) or not all(isinstance(pattern, str) for pattern in value):
            raise ValueError

    def show(self, value: Any) -> object:
        return value


@dataclass(frozen=True, slots=True)
class Settings:
    """What only the plugin knows, and the core's `Config`."""

    enabled: bool = option(True, Flag(), doc="Whether the plugin does anything at all.")
    exclude_dags: tuple[str, ...] = option(
        (),
        Patterns(),
        doc="DAG ids, `*` and `?` allowed, that stay on Airflow's own path.",
    )
    publish_contents: bool = option(
        True,
        Flag(),
        doc="Write the compact form of what was loaded to the plugin's tables and to Redis, for the other nodes.",
    )
    fast_path: bool = option(
        True,
        Flag(),
        doc="Decide running runs from slim rows, and load only the task instances that can move.",
    )
    fast_path_exclude_dags: tuple[str, ...] = option(
        (),
        Patterns(),
        doc="DAG ids, `*` and `?` allowed, whose runs are decided as Airflow does.",
    )
    shadow_share: float = option(
        0.0,
        Number(0, 1),
        doc="Share of the decisions that Airflow's own path makes and the fast path is compared with. A difference "
        "is logged, and switches the fast path off for that DAG in that process.",
    )
    background_refresh: bool = option(
        True,
        Flag(),
        doc="Webservers and API servers load changed DAGs before they are asked for.",
    )
    process_report_seconds: float = option(
        10.0,
        Number(0, 3600),
        unit="seconds",
        doc="How often each process reports on itself, for `sched-cache doctor` and the page in the UI. 0: never.",
    )
    config: Config = field(default_factory=Config)

    def excludes(self, dag_id: str) -> bool:
        """Whether the plugin leaves this DAG alone."""
        return any(fnmatchcase(dag_id, pattern) for pattern in self.exclude_dags)


OWN_OPTIONS = {declared.name: declared for declared in options(Settings)}
CORE_OPTIONS = {declared.name: declared for declared in options(Config)}


def read_settings(section: Mapping[str, str], host_database_url: str) -> Settings:
    """The settings that a section of the host's configuration spells.

    Args:
        section: option to text, as the host has it.
        host_database_url: the metadata database, where our tables are unless `database_url` says otherwise.

    Raises:
        ConfigError: an option is unknown or its value is not allowed.
    """
    chosen: dict[str, Any] = {}
    chosen_core: dict[str, Any] = {**HOST_DEFAULTS, "database_url": host_database_url}
    for name, text in section.items():
        if name in OWN_OPTIONS:
            chosen[name] = OWN_OPTIONS[name].read(text)
            OWN_OPTIONS[name].check(chosen[name])
        elif name in CORE_OPTIONS:
            chosen_core[name] = CORE_OPTIONS[name].read(text)
        else:
            known = [*OWN_OPTIONS, *CORE_OPTIONS]
            similar = get_close_matches(name, known, n=3)
            raise ConfigError(f"[{SECTION}] {name}", "***", ", ".join(similar or known))
    return Settings(config=Config(**chosen_core), **chosen)


def host_section(conf: Any) -> dict[str, str]:
    """The section as the host's configuration object has it: file, environment, commands and secrets."""
    prefix = f"AIRFLOW__{SECTION.upper()}__"
    names = {name.lower() for name in conf.getsection(SECTION) or ()}
    for variable in os.environ:
        if variable.startswith(prefix):
            names.add(variable[len(prefix) :].removesuffix("_CMD").removesuffix("_SECRET").lower())
    for name in (*OWN_OPTIONS, *CORE_OPTIONS):
        if conf.has_option(SECTION, name):
            names.add(name)
    return {name: conf.get(SECTION, name) for name in names}
