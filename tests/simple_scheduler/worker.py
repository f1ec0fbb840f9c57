"""One process of the cluster: `python -m tests.simple_scheduler.worker ROLE NAME FOLDER SEED`."""

from __future__ import annotations

import random
import sys
from pathlib import Path

from sched_cache.config import Config
from sched_cache.dag_cache import DagCache
from tests.chaos.journal import Journal
from tests.simple_scheduler.processor import process_files
from tests.simple_scheduler.scheduler import schedule


def main() -> None:
    role, name, folder, seed = sys.argv[1:]
    journal = Journal(Path(folder) / "journals" / f"{name}.jsonl")
    choose = random.Random(int(seed))
    cache = DagCache.open(Config.load())
    if role == "processor":
        process_files(cache, journal, Path(folder) / "files", choose)
    else:
        schedule(cache, journal, choose)


if __name__ == "__main__":
    main()
