"""Wrong options, and the cost of each: a part of the plugin, and never the host.

A part that shares data is off, a number that concerns only this process has its default, and a switch is off together
with its part. `enabled`, `exclude_dags` and an unknown name switch off the whole plugin, because they may have been
meant to exclude DAGs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Cost(Enum):
    """The effect of a wrong option: the part that is off, or differs from the configuration."""

    PLUGIN = "the plugin stays off"
    FAST_PATH = "the fast path stays off"
    TABLES = "the plugin's tables and Redis are not used"
    REDIS = "Redis is not used"
    PUBLISHING = "contents are not published"
    REFRESH = "changed DAGs are loaded when they are requested"
    WAKE = "schedulers sleep as without the plugin"
    QUEUE = "a loop queues as many task instances as `[scheduler] max_tis_per_query` says"
    DEFAULT = "the default value is used"


_BY_NAME = {
    "enabled": Cost.PLUGIN,
    "exclude_dags": Cost.PLUGIN,
    "publish_contents": Cost.PUBLISHING,
    "fast_path": Cost.FAST_PATH,
    "fast_path_exclude_dags": Cost.FAST_PATH,
    "shadow_share": Cost.FAST_PATH,
    "certificate": Cost.FAST_PATH,
    "background_refresh": Cost.REFRESH,
    "wake_schedulers": Cost.WAKE,
    "queue_until_full": Cost.QUEUE,
    "process_report_seconds": Cost.DEFAULT,
    "create_tables": Cost.TABLES,
    "namespace": Cost.REDIS,
    "max_staleness_seconds": Cost.DEFAULT,
    "full_certify_seconds": Cost.DEFAULT,
    "l1_max_bytes": Cost.DEFAULT,
    "l1_max_entries": Cost.DEFAULT,
    "flight_wait_seconds": Cost.DEFAULT,
    "hot_include": Cost.DEFAULT,
    "hot_exclude": Cost.DEFAULT,
    "max_content_bytes": Cost.DEFAULT,
}
BEGINNINGS = {Cost.REDIS: ("redis_", "tier_"), Cost.TABLES: ("database_", "table_")}
"""Cost -> prefixes of option names, also of options that do not exist."""

_MAX_REASON = 1_000


def cost_of(name: str) -> Cost:
    """The cost of a wrong value of this option, or of a name that no option has."""
    for cost, beginnings in BEGINNINGS.items():
        if name.startswith(beginnings):
            return cost
    return _BY_NAME.get(name, Cost.PLUGIN)


@dataclass(frozen=True, slots=True)
class WrongOption:
    """One option that is not used as configured.

    reason: one line that names the option and contains no password.
    """

    name: str
    reason: str
    cost: Cost

    def __str__(self) -> str:
        return f"{self.reason}; {self.cost.value}"


def wrong_option(name: str, reason: object) -> WrongOption:
    """The wrong option, with its cost. `reason` may have any length and any characters."""
    shown = " ".join(str(reason).split())
    return WrongOption(
        name, shown if len(shown) <= _MAX_REASON else shown[:_MAX_REASON] + "...", cost_of(name)
    )


def in_one_line(wrong: tuple[WrongOption, ...]) -> str:
    """All of them, for the log."""
    return " | ".join(map(str, wrong))
