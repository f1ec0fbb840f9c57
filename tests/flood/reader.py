"""A process that reads one DAG again and again: `python -m tests.flood.reader CONFIG`, the configuration as JSON.

It writes a JSON line for each new version: the version, and when it was first read (`time.time()`).
"""

from __future__ import annotations

import json
import sys
import time

from sched_cache import Config, DagCache

_PAUSE_SECONDS = 0.005


def main() -> None:
    seen = 0
    with DagCache.open(Config(**json.loads(sys.argv[1]))) as cache:
        print(json.dumps("ready"), flush=True)
        while True:
            dag = cache.get("x")
            retries = 0 if dag is None else int(dag.task("t0").retries)
            if retries != seen:
                seen = retries
                print(json.dumps([seen, time.time()]), flush=True)
            time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    main()
