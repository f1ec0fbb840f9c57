"""The main function of a worker: `python -m MODULE ROLE NAME FOLDER SEED`.

A worker runs until it is killed. Its environment has the options of its cache.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

from sched_cache.config import Config
from sched_cache.dag_cache import DagCache
from tests.support.hurt_cluster.journal import Journal


def main(
    process_files: Callable[[DagCache, Journal, Path, random.Random], None],
    schedule: Callable[[DagCache, Journal, random.Random], None],
) -> None:
    """Works in the role of the command line, without end."""
    role, name, folder, seed = sys.argv[1:]
    journal = Journal(Path(folder) / "journals" / f"{name}.jsonl")
    choose = random.Random(int(seed))
    cache = DagCache.open(Config.load())
    if role == "processor":
        process_files(cache, journal, Path(folder) / "files", choose)
    else:
        schedule(cache, journal, choose)
