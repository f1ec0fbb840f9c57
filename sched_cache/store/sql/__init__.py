"""The store on SQLAlchemy Core."""

from sched_cache.store.sql.engine import Engines
from sched_cache.store.sql.failures import Retry
from sched_cache.store.sql.opening import open_engines
from sched_cache.store.sql.schema import DEFAULT_PREFIX, SCHEMA_VERSION, Tables, tables
from sched_cache.store.sql.store import SqlStore

__all__ = [
    "DEFAULT_PREFIX",
    "SCHEMA_VERSION",
    "Engines",
    "Retry",
    "SqlStore",
    "Tables",
    "open_engines",
    "tables",
]
