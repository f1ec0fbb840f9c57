"""Threads for operations that no deadline can end: connecting, and asking a server to stop.

A driver that connects resolves a name, and waits for each address in turn and for the answer to a password. During
that time it offers no connection that could be shut down.
"""

from __future__ import annotations

import threading

from sched_cache.store.workers import Workers

N_THREADS = 4

_workers: Workers | None = None
_making = threading.Lock()


def slow_threads() -> Workers:
    """The threads of this process, shared by all its stores; created on first use."""
    global _workers
    if _workers is None:
        with _making:
            _workers = _workers or Workers(N_THREADS, "sched-cache-connect")
    return _workers
