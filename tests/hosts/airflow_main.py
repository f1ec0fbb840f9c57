"""`airflow`, and it says on standard error when its scheduler has left its loop."""

from __future__ import annotations

import sys
import time
from typing import Any

LOOP_ENDED = "loop ended at "


def main() -> None:
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

    original = SchedulerJobRunner._run_scheduler_loop

    def run(self: Any) -> Any:
        try:
            return original(self)
        finally:
            # The clock of the machine, which the process that waits reads too.
            print(f"{LOOP_ENDED}{time.monotonic()}", file=sys.stderr, flush=True)

    SchedulerJobRunner._run_scheduler_loop = run
    from airflow.__main__ import main as airflow

    airflow()


if __name__ == "__main__":
    main()
