"""The threads for what no deadline can end: connecting, and asking a server to stop.

A driver that connects looks up a name, waits for each address in turn and for the answers to a password, and offers
no connection yet that could be shut down.
"""

from __future__ import annotations

import threading

from sched_cache.store.workers import Workers

N_THREADS = 4

_workers: Workers | None = None
_making = threading.Lock()


def slow_threads() -> Workers:
    """Those of this process, shared by all stores in it; made at the first use."""
    global _workers
    if _workers is None:
        with _making:
            _workers = _workers or Workers(N_THREADS, "sched-cache-connect")
    return _workers
