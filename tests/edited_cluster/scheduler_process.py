"""A scheduler that loops until it is told to stop, and then until every run has ended.

Reads one JSON object: `script`; `seconds`, how long the rest may take once it is told to stop. Writes a line for what
it has executed (`executed`), for the runs it has looked at and when (`examined`), for its memory (`memory`), and in the
end for itself (`ended`).
"""

from __future__ import annotations

import gc
import json
import os
import select
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from bench.answers import open_answers
from bench.loop.observing import examined_runs

_PAUSE_SECONDS = 0.1
_BETWEEN_LOOKS_SECONDS = 10.0


def main() -> None:
    answer = open_answers()
    given = json.loads(sys.stdin.readline())
    from sched_cache_airflow.hosts.installed import host_process, runtime
    from tests.edited_cluster.host import support
    from tests.support.scheduling.history import work_between_loops
    from tests.support.scheduling.scheduler_main import n_unfinished
    from tests.support.scheduling.script import Script

    is_ours = os.environ.get("AIRFLOW__SCHED_CACHE__ENABLED") == "True"
    if is_ours:
        host_process().install()
    executor = support("scripted_executor").ScriptedExecutor(Script(**given["script"]))
    scheduler = support("whole_runs").scheduler_with(executor)
    answer("ready")
    examined: dict[str, float] = {}
    started = time.monotonic()
    look_at, end, n_loops = started, float("inf"), 0
    while time.monotonic() < end:
        if end == float("inf") and select.select([sys.stdin], [], [], 0)[0]:
            end = time.monotonic() + given["seconds"]
        if end < float("inf") and not n_unfinished():
            break
        examined.clear()
        with examined_runs(lambda run: examined.__setitem__(f"{run.dag_id} {run.run_id}", time.monotonic())):
            scheduler.loop()
        answer({"examined": examined})
        work_between_loops(scheduler, executor)
        n_loops += 1
        if executor.executed:
            answer({"executed": executor.executed})
            executor.executed, executor.callbacks = [], []
        if time.monotonic() >= look_at:
            look_at = time.monotonic() + _BETWEEN_LOOKS_SECONDS
            answer({"memory": {"seconds": time.monotonic() - started, **memory()}})
        time.sleep(_PAUSE_SECONDS)
    ended: dict[str, Any] = {"loops": n_loops, "unfinished": n_unfinished()}
    if is_ours:
        state = runtime()
        ended |= {"decided": state.fast_path.n_decided, "fallbacks": dict(state.stats.fallbacks)}
    answer({"ended": ended})


def memory() -> dict[str, int]:
    """pss_bytes, rss_bytes: of this process; n_objects: those that the garbage collector watches."""
    gc.collect()
    found = {"n_objects": len(gc.get_objects())}
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("Pss", "Rss"):
            found[f"{name.lower()}_bytes"] = 1024 * int(value.split()[0])
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
