"""The tier inside a process: decoded DAGs, and loads that are in progress."""

from sched_cache.cache.eviction import EvictionOrder, Measured, Resident
from sched_cache.cache.l1 import L1, Entry
from sched_cache.cache.singleflight import Signal, SingleFlight

__all__ = [
    "L1",
    "Entry",
    "EvictionOrder",
    "Measured",
    "Resident",
    "Signal",
    "SingleFlight",
]
