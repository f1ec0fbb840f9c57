"""Hosts on which the plugin stays off, or some of it does, as variables of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

WRONG_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "an unknown option": {"AIRFLOW__SCHED_CACHE__NO_SUCH": "1"},
    "a value out of its range": {"AIRFLOW__SCHED_CACHE__SHADOW_SHARE": "7"},
    "neither on nor off": {"AIRFLOW__SCHED_CACHE__ENABLED": "maybe"},
}

BEGINNINGS: Mapping[str, str] = {"a value out of its range": "WARNING sched_cache is on, in part"}
"""How the line about it begins where only a part is off; else the plugin is."""
OFF = "WARNING sched_cache stays off"


def of_another_release(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """`environment`, in which Airflow says that it is a release of which the plugin knows nothing."""
    for name in ("apache-airflow", "apache-airflow-core"):
        metadata = folder / f"{name.replace('-', '_')}-3.0.6.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 3.0.6\n")
    path = os.pathsep.join((str(folder), environment.get("PYTHONPATH", "")))
    return {**environment, "PYTHONPATH": path}
