"""One of several schedulers on the same runs: `tests.support.scheduling.scheduler_main` on this host."""

from __future__ import annotations

import os
from typing import Any

from tests.hosts.home import option


def main() -> None:
    runtime = None
    if os.environ.get(option("sched_cache", "enabled")) == "True":
        from sched_cache_airflow.hosts.installed import host_process, runtime

        host_process().install()
    from tests.airflow3.support.scripted_executor import ScriptedExecutor
    from tests.airflow3.support.whole_runs import scheduler_with
    from tests.support.scheduling.scheduler_main import serve

    def begin(script: Any) -> tuple[Any, Any]:
        executor = ScriptedExecutor(script)
        return scheduler_with(executor), executor

    serve(begin, runtime)


if __name__ == "__main__":
    main()
