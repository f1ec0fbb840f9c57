"""Stand-ins for tests of what uses `sched_cache`: a whole store without a database."""

from sched_cache.testing.memory_store import MemoryStore, MemoryTransaction, State

__all__ = ["MemoryStore", "MemoryTransaction", "State"]
