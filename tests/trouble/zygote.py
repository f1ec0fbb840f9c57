"""A process that has imported Airflow, and forks a scheduler whenever it is asked for one.

Reads one JSON object per line: `address`, where the scheduler reports for work, and `environ`, more variables for it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from typing import Any

from bench.loop.host import host


def main() -> None:
    _import_host()
    print(json.dumps("ready"), flush=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in iter(sys.stdin.readline, ""):
        order = json.loads(line)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _work(order)


def _import_host() -> None:
    import airflow.jobs.scheduler_job_runner
    import airflow.models.serialized_dag  # noqa: F401
    from airflow import settings

    import sched_cache.store.redis.tier
    import sched_cache.store.sql  # noqa: F401

    if host() == "airflow2":
        from sched_cache_airflow.hosts.shared import runtime
    else:
        from sched_cache_airflow.hosts.airflow3 import runtime  # type: ignore[no-redef]  # noqa: F401
    settings.engine.dispose()  # a child must not share a connection


def _work(order: Any) -> None:
    code = 1
    try:
        os.environ.update(order["environ"])
        from tests.trouble.scheduler_process import serve

        serve(order["address"])
        code = 0
    except EOFError:
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
