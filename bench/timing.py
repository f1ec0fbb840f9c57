"""Measures an operation, and fixed work beside it."""

from __future__ import annotations

import gc
import json
import time
import zlib
from collections.abc import Callable

from .subject import Operation

Clock = Callable[[], float]
MIN_SAMPLE_SECONDS = 0.005


def calls_per_sample(operation: Operation) -> int:
    """The number of calls for a sample of MIN_SAMPLE_SECONDS, far more than the cost of clock and loop.

    The first call does not count: it may import, connect and allocate.
    """
    operation()
    n_calls = 1
    while True:
        elapsed = _time(operation, n_calls, time.perf_counter)
        if elapsed >= MIN_SAMPLE_SECONDS:
            return n_calls
        # At most ten times more, because even the second call can be slower than later ones.
        n_calls = min(
            n_calls * 10, max(n_calls + 1, int(n_calls * 1.2 * MIN_SAMPLE_SECONDS / max(elapsed, 1e-9)))
        )


def seconds_per_call(operation: Operation, n_calls: int, clock: Clock) -> float:
    """Mean seconds of one call. The garbage collector runs before and after, not inside."""
    gc.collect()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return _time(operation, n_calls, clock) / n_calls
    finally:
        if was_enabled:
            gc.enable()


def _time(operation: Operation, n_calls: int, clock: Clock) -> float:
    calls = range(n_calls)
    start = clock()
    for _ in calls:
        operation()
    return clock() - start


_TEXT = json.dumps(
    [{"task_id": f"task_{i}", "downstream": [f"task_{i + k}" for k in range(3)]} for i in range(400)]
)


def yardstick_seconds(clock: Clock) -> float:
    """Seconds for a fixed piece of work of the kind measured here: parsing, dictionaries, strings, checksums.

    It depends on the machine, the interpreter and what else runs, never on the product.
    """
    start = clock()
    for _ in range(12):
        index = {task["task_id"]: number for number, task in enumerate(json.loads(_TEXT))}
        zlib.crc32("".join(sorted(index)).encode())
    return clock() - start
