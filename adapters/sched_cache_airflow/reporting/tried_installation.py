"""Whether the plugin installs itself in a process of this host, tried in one that ends at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from sched_cache.cli.examination import Finding

_SECONDS = 120
# As a scheduler, an API server or webserver, and a DAG processor begin. What the host prints comes before the result.
_PROGRAM = """
import importlib, json
for name in {modules!r}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
from sched_cache_airflow.policy import status
print()
print(json.dumps([status.is_on, status.reason, len(status.installed)]))
"""
_MODULES = (
    "airflow.jobs.scheduler_job_runner",
    "airflow.jobs.dag_processor_job_runner",
    "airflow.api_fastapi.common.dagbag",
    "airflow.models.serialized_dag",
)


def try_installation() -> Iterator[Finding]:
    """One finding. Takes as long as a scheduler does to import Airflow."""
    command = [sys.executable, "-c", _PROGRAM.format(modules=_MODULES)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL, check=False
        )
        is_on, reason, n_replaced = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, OSError, ValueError, IndexError) as error:
        advice = "does `python -c 'import airflow.jobs.scheduler_job_runner'` work here?"
        yield Finding("installation", False, f"could not be tried: {type(error).__name__}", advice)
        return
    if is_on and n_replaced:
        yield Finding(
            "installation", True, f"{n_replaced} parts of Airflow replaced, in a process made to try it"
        )
        return
    found = reason or ("nothing was replaced" if is_on else "the plugin was not asked")
    advice = (
        "Airflow's own code serves; is the release one that is supported, and what else patches Airflow here?"
    )
    yield Finding("installation", False, found, advice)
