"""Who is on trial: Airflow as it is, or Airflow with the plugin."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.airflow3.support.processor import CHECKOUT


@dataclass(frozen=True, slots=True)
class Subject:
    """One way to run the host.

    Attributes:
        loses: the host is expected to lose tasks in the races below; a test asserts that it does, because
            a race that stock Airflow survives proves nothing about the plugin.
    """

    name: str
    loses: bool

    @contextmanager
    def activated(self) -> Iterator[None]:
        """The plugin in charge of this process, if it is the subject, until the block ends.

        Skips the test while the plugin does not exist.
        """
        if self.name == "stock":
            yield
            return
        install, uninstall = plugin("install"), plugin("uninstall")
        install()
        try:
            yield
        finally:
            uninstall()

    def environment(self, site: Path) -> dict[str, str]:
        """Variables that put the subject into every process of an installation, entry points included.

        The plugin is installed from this checkout as an operator would install it, into ``site``; about 5 s.
        Skips the test while the plugin does not exist.
        """
        if self.name == "stock":
            return {}
        plugin("install")
        target = site / "site"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run([*pip, "--target", str(target), str(CHECKOUT)], check=True, timeout=120)
        return {"PYTHONPATH": str(target)}


STOCK = Subject("stock", loses=True)
PLUGIN = Subject("plugin", loses=False)
SUBJECTS = (STOCK, PLUGIN)


def plugin(entry: str) -> Any:
    """``sched_cache_airflow.airflow3.<entry>``. Skips the test as long as the plugin does not offer it."""
    try:
        found = getattr(importlib.import_module("sched_cache_airflow.airflow3"), entry, None)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("sched_cache"):
            raise
        found = None
    if found is None:
        pytest.skip(f"sched_cache_airflow.airflow3.{entry} does not exist yet")
    return found


def plugin_dag(document: dict[str, Any], *, load_op_links: bool) -> Any:
    """The plugin's DAG object for one serialized document. Skips the test while there is no plugin."""
    return plugin("dag_of")(document, load_op_links=load_op_links)
