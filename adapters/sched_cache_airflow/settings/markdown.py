"""CONFIG.md, the plugin's part included: `python -m sched_cache_airflow.settings.markdown > CONFIG.md`."""

from __future__ import annotations

import sys

from sched_cache.config.markdown import config_markdown, default_in_words
from sched_cache.config.option import Option
from sched_cache_airflow.settings.settings import CORE_OPTIONS, HOST_DEFAULTS, OWN_OPTIONS, SECTION
from sched_cache_airflow.settings.wrong_options import BEGINNINGS, Cost, cost_of

_EVERY = "every process of Airflow, including tasks and commands"
_SERVERS = "api-server, webserver"
_LOADERS = f"scheduler, {_SERVERS}, triggerer"
_WRITERS = f"{_LOADERS}, dag-processor"

READERS = {
    "enabled": _EVERY,
    "exclude_dags": _WRITERS,
    "publish_contents": _WRITERS,
    "fast_path": "scheduler",
    "fast_path_exclude_dags": "scheduler",
    "shadow_share": "scheduler",
    "certificate": "scheduler",
    "background_refresh": _SERVERS,
    "wake_schedulers": _EVERY,
    "queue_until_full": "scheduler",
    "process_report_seconds": _WRITERS,
    "database_url": _WRITERS,
    "database_schema": _WRITERS,
    "table_prefix": _WRITERS,
    "create_tables": _WRITERS,
    "database_timeout_seconds": _WRITERS,
    "database_attempts": _WRITERS,
    "database_pool_size": _WRITERS,
    "database_grace_seconds": _LOADERS,
    "max_staleness_seconds": "api-server, triggerer; schedulers ask in each loop",
    "full_certify_seconds": _LOADERS,
    "l1_max_bytes": _LOADERS,
    "l1_max_entries": _LOADERS,
    "flight_wait_seconds": _LOADERS,
    "redis_url": _WRITERS,
    "namespace": _WRITERS,
    "redis_timeout_seconds": _WRITERS,
    "redis_content_ttl_seconds": _WRITERS,
    "redis_compression_min_bytes": _WRITERS,
    "redis_lease_seconds": _LOADERS,
    "redis_lease_wait_seconds": _LOADERS,
    "redis_ping_seconds": _LOADERS,
    "redis_breaker_failures": _WRITERS,
    "redis_breaker_min_seconds": _WRITERS,
    "redis_breaker_max_seconds": _WRITERS,
    "tier_loss_seconds": _WRITERS,
    "hot_include": "none: the plugin chooses the hot fields itself",
    "hot_exclude": "none: the plugin chooses the hot fields itself",
    "max_content_bytes": _LOADERS,
}
"""The processes that each option affects."""

_HEAD = f"""
## `[{SECTION}]` in airflow.cfg

The Airflow plugin takes its options from Airflow's own configuration, and ignores `SCHED_CACHE__*`. Set an
option in the section `[{SECTION}]` of `airflow.cfg`, or in an environment variable with the prefix
`AIRFLOW__{SECTION.upper()}__` and its name in capitals. Every option has the variants `_CMD` and `_SECRET` (in
airflow.cfg: `_cmd`, `_secret`), like Airflow's sensitive options. `sched-cache doctor` shows the values in force and
their sources. Restart the processes that read an option after changing it.

A wrong option never ends a process of Airflow. If a value is out of range, cannot be read or cannot be used, or if a
name is unknown, the process reports this in one line of its log, `sched-cache doctor` and the page name the option,
and the part concerned is off.

| wrong option | consequence |
|---|---|
{{costs}}

| option and environment variable | default | unit | range | read by | meaning |
|---|---|---|---|---|---|
"""
_CORE_HEAD = """
Every option of the library may be set there, too, for these processes and partly with another default:

| option | default for the plugin | read by |
|---|---|---|
"""
_METADATA_DB = (
    "Airflow's metadata database; beside a SQLite file `airflow.db`, the file `airflow.sched_cache.db`"
)


def airflow_markdown() -> str:
    """The section about `airflow.cfg`."""
    return (
        _HEAD.replace("{costs}\n", "".join(map(_cost_row, Cost)))
        + "".join(map(_own_row, OWN_OPTIONS.values()))
        + _CORE_HEAD
        + "".join(map(_core_row, CORE_OPTIONS.values()))
    )


def _cost_row(cost: Cost) -> str:
    names = [f"`{name}`" for name in (*OWN_OPTIONS, *CORE_OPTIONS) if cost_of(name) is cost]
    names += [f"an unknown option that begins with `{beginning}`" for beginning in BEGINNINGS.get(cost, ())]
    names += ["any other unknown option"] if cost is Cost.PLUGIN else []
    return f"| {', '.join(names)} | {cost.value} |\n"


def _own_row(declared: Option) -> str:
    name = f"`{declared.name}`<br>`AIRFLOW__{SECTION.upper()}__{declared.name.upper()}`"
    return (
        f"| {name} | {default_in_words(declared.default)} | {declared.unit or '-'} | {declared.kind.allowed} | "
        f"{READERS[declared.name]} | {declared.doc} |\n"
    )


def _core_row(declared: Option) -> str:
    default = "as above"
    if declared.name == "database_url":
        default = _METADATA_DB
    elif declared.name == "database_schema":
        default = (
            "`[database] sql_alchemy_schema` if the tables are in the metadata database, otherwise empty"
        )
    elif declared.name in HOST_DEFAULTS:
        default = default_in_words(HOST_DEFAULTS[declared.name])
    return f"| `{declared.name}` | {default} | {READERS[declared.name]} |\n"


if __name__ == "__main__":
    sys.stdout.write(config_markdown() + airflow_markdown())
