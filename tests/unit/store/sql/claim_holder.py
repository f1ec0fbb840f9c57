"""A process that claims everything fresh and waits to be killed: `claim_holder URL [fork]`.

Prints the process id of its forked child, 0 without one, once it holds the locks.
"""

from __future__ import annotations

import os
import sys
import time

from sched_cache.store.sql import SqlStore


def main() -> None:
    store = SqlStore.open(sys.argv[1])
    page = store.fresh(0, 10)
    with store.transaction() as connection:
        assert store.lock_fresh(connection, page.pointers)
        child = os.fork() if sys.argv[2:] == ["fork"] else 0
        if child or sys.argv[2:] == []:
            print(child, flush=True)
        time.sleep(300)


if __name__ == "__main__":
    main()
