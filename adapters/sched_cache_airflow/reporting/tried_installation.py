"""Installs the plugin in a child process that imports the modules of all processes of the host, and then ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

from sched_cache.cli.examination import Finding
from sched_cache_airflow.hosts.patches import airflow2, airflow3
from sched_cache_airflow.reporting.process_words import parts_left

_SECONDS = 120
# A module that this release does not have is skipped. The output of the host precedes the result.
_PROGRAM = """
import importlib, json
for name in {modules!r}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
from sched_cache_airflow.policy import status
trust = dict()
if status.is_on and status.installed:
    from sched_cache_airflow.hosts.installed import runtime
    state = runtime()
    if state.settings.fast_path:
        obstacle = state.fast_path.host_code.obstacle()
        state.look()
        trust = dict(words=f"decisions left to Airflow: {{obstacle}}") if obstacle else state.trust()
print()
print(json.dumps([status.is_on, status.reason, len(status.installed), status.left, trust]))
"""
_MODULES: Final = tuple(dict.fromkeys(name for table in (airflow2, airflow3) for name in table.PATCHES.users))
"""The modules whose import makes the policy install the plugin, in all processes of all hosts."""


def try_installation() -> Iterator[Finding]:
    """Findings about scheduling decisions and, last, the whole. Takes as long as a scheduler does to import Airflow."""
    command = [sys.executable, "-c", _PROGRAM.format(modules=_MODULES)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL, check=False
        )
        is_on, reason, n_replaced, left, trust = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, OSError, ValueError, IndexError) as error:
        advice = "does `python -c 'import airflow.jobs.scheduler_job_runner'` work here?"
        yield Finding("installation", False, f"could not be tried: {type(error).__name__}", advice)
        return
    if trust:
        advice = (
            "" if trust.get("by") else "see `sched-cache certify --help`; --show tells about each certificate"
        )
        yield Finding("decisions", not trust.get("is_withdrawn"), str(trust["words"]), advice)
    if is_on and n_replaced:
        found = f"{n_replaced} parts of Airflow replaced, in a process made to try it"
        found = "; ".join([found, *parts_left({"left": left})])
        advice = (
            "a release of sched-cache that was tested with this Airflow may have these parts" if left else ""
        )
        yield Finding("installation", True, found, advice)
        return
    found = reason or ("nothing was replaced" if is_on else "the plugin was not asked")
    advice = (
        "Airflow's own code serves; is the release one that is supported, and what else patches Airflow here?"
    )
    yield Finding("installation", False, found, advice)
