"""The largest memory use of a process, and the memory that an object keeps alive."""

from __future__ import annotations

import ctypes
import gc
import resource
import tracemalloc
from contextlib import suppress
from pathlib import Path

from .subject import Operation


def peak_rss_bytes() -> int:
    """The largest resident size this process has had."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage also counts the process that started this one
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def rss_bytes() -> int:
    """The current resident size of this process; 0 if the system does not report it."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * resource.getpagesize() if statm.exists() else 0


def give_free_memory_back() -> None:
    """Collects garbage and has the C library return free memory to the system, so that what is left is in use.

    Otherwise the amount of free memory would differ at random, by a few megabytes per process.
    """
    gc.collect()
    with suppress(OSError, AttributeError):  # the C library lacks this function
        ctypes.CDLL(None).malloc_trim(0)


def retained_bytes(make: Operation, *, at_least_bytes: int = 200_000) -> float:
    """Mean bytes that one result of `make` keeps alive, as `tracemalloc` counts them.

    Small results are created many times, until they add up to `at_least_bytes`. Shared parts of the results are
    divided among them, as in a scheduler that holds many DAGs.
    """
    make()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept: list[object] = []
        while True:
            kept.append(make())
            if len(kept) >= 1000 or tracemalloc.get_traced_memory()[0] - before >= at_least_bytes:
                gc.collect()
                used = tracemalloc.get_traced_memory()[0] - before
                if len(kept) >= 1000 or used >= at_least_bytes:
                    return used / len(kept)
    finally:
        tracemalloc.stop()
