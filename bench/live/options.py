"""The options of the executor, which the measuring process sets and a scheduler process reads. Imports nothing."""

from __future__ import annotations

from typing import Final

SECONDS: Final = "SCHED_CACHE_BENCH_TASK_SECONDS"
ENDS: Final = "SCHED_CACHE_BENCH_ENDS"
COUNTS: Final = "SCHED_CACHE_BENCH_COUNTS"
BY_API: Final = "api"
BY_DATABASE: Final = "database"
