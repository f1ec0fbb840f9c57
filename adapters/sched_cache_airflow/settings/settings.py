"""Options in `airflow.cfg`, section `[sched_cache]`, and so `AIRFLOW__SCHED_CACHE__*` in the environment.

The section may have every option of `sched_cache.Config`, under its own name, and those of `Settings`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase, translate
from typing import Any

from sched_cache.config import Config, options
from sched_cache.config.kind import Flag, Number
from sched_cache.config.option import option
from sched_cache_airflow.settings.hold import hold
from sched_cache_airflow.settings.wrong_options import WrongOption

SECTION = "sched_cache"

HOST_DEFAULTS: Mapping[str, Any] = {
    # A cluster has many processes, which could not share a Redis inside of one of them.
    "redis_url": None,
    # Metadata databases have few connections to spare.
    "database_pool_size": 2,
}


MAX_PATTERN_LENGTH = 250
MAX_PATH_LENGTH = 1_000
_PATTERN = re.compile(rf"[\w.*?\[\]!~-]{{1,{MAX_PATTERN_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class Patterns:
    """A tuple of patterns of DAG ids; in the configuration, separated by commas."""

    allowed: str = (
        "DAG ids, separated by commas; `*` is any text, `?` any character, `[ab]` one of these; "
        f"{MAX_PATTERN_LENGTH} characters each, without spaces"
    )

    def read(self, text: str) -> tuple[str, ...]:
        return tuple(pattern.strip() for pattern in text.split(",") if pattern.strip())

    def check(self, value: Any) -> None:
        if not isinstance(value, tuple):
            raise ValueError
        for pattern in value:
            if not isinstance(pattern, str) or not _PATTERN.fullmatch(pattern):
                raise ValueError
            try:
                re.compile(translate(pattern))
            except re.error:  # a reversed range in a pattern, on some versions of Python
                raise ValueError("a [range] is not understood") from None

    def show(self, value: Any) -> object:
        return value


@dataclass(frozen=True, slots=True)
class FilePath:
    """The absolute path of a file, or None (in the configuration: empty)."""

    allowed: str = f"absolute path, {MAX_PATH_LENGTH} characters at most, or empty for none"

    def read(self, text: str) -> str | None:
        return text or None

    def check(self, value: Any) -> None:
        if value is None:
            return
        if not isinstance(value, str) or len(value) > MAX_PATH_LENGTH or not value.isprintable():
            raise ValueError
        if not os.path.isabs(value):
            raise ValueError("it depends on the folder in which a process starts")

    def show(self, value: Any) -> object:
        return value


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of the plugin, and the `Config` of the core."""

    enabled: bool = option(True, Flag(), doc="Whether the plugin does anything at all.")
    exclude_dags: tuple[str, ...] = option(
        (),
        Patterns(),
        doc="Patterns of DAG ids that the plugin leaves to Airflow.",
    )
    publish_contents: bool = option(
        True,
        Flag(),
        doc="Whether loaded DAGs are written in compact form to the plugin's tables and to Redis, for the other nodes.",
    )
    fast_path: bool = option(
        True,
        Flag(),
        doc="Whether scheduling decisions use slim rows, and load only the task instances that can change.",
    )
    fast_path_exclude_dags: tuple[str, ...] = option(
        (),
        Patterns(),
        doc="Patterns of DAG ids whose runs take Airflow's own path for scheduling decisions.",
    )
    shadow_share: float = option(
        0.0,
        Number(0, 1),
        doc="The share of decisions that are made on Airflow's own path and compared with the fast path. A difference "
        "is logged, and switches the fast path off for that DAG in that process.",
    )
    certificate: str | None = option(
        None,
        FilePath(),
        doc="The path of a file that `sched-cache certify --output` wrote, by which the fast path runs on a build of "
        "Airflow that was not tested. A certificate in the plugin's tables needs no option.",
    )
    background_refresh: bool = option(
        True,
        Flag(),
        doc="Whether webservers and API servers load changed DAGs before they are requested.",
    )
    wake_schedulers: bool = option(
        True,
        Flag(),
        doc="Whether the idle sleep of a scheduler ends when a task instance has ended, a run was created or a DAG was "
        "published. Other processes say so by Redis, else by NOTIFY of PostgreSQL; without either, a scheduler with "
        "task instances under way looks sooner.",
    )
    queue_until_full: bool = option(
        True,
        Flag(),
        doc="Whether a loop of a scheduler queues task instances until the executors have no free slot, as with "
        "`[scheduler] max_tis_per_query = 0`. False: at most `max_tis_per_query` in each loop. A value below Airflow's "
        "default of 16 stays in force, and so does any value with executors that have no limit or a single thread.",
    )
    process_report_seconds: float = option(
        10.0,
        Number(0, 3600),
        unit="seconds",
        doc="The interval of the reports of each process, for `sched-cache doctor` and the page in the UI. 0: never.",
    )
    config: Config = field(default_factory=Config)
    shares: bool = True
    """Whether there are tables, and therefore shared data."""
    wrong: tuple[WrongOption, ...] = ()
    """The wrong options. The other values already reflect that their parts are off."""

    def excludes(self, dag_id: str) -> bool:
        """Whether this DAG stays on the host's own path, because it is excluded or because of a hold."""
        return bool(hold.reason) or any(fnmatchcase(dag_id, pattern) for pattern in self.exclude_dags)


OWN_OPTIONS = {declared.name: declared for declared in options(Settings)}
CORE_OPTIONS = {declared.name: declared for declared in options(Config)}
