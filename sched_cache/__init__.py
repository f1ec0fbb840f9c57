"""A slim, always-fresh copy of each Airflow DAG for every scheduler."""

from sched_cache.errors import (
    ColdPartMissingError,
    ConfigError,
    FormatError,
    InvalidDagError,
    PublishConflictError,
    RedisUnavailableError,
    SchedCacheError,
    StoreUnavailableError,
    VersionNotFoundError,
)
from sched_cache.format import CompactDag

__all__ = [
    "ColdPartMissingError",
    "CompactDag",
    "ConfigError",
    "FormatError",
    "InvalidDagError",
    "PublishConflictError",
    "RedisUnavailableError",
    "SchedCacheError",
    "StoreUnavailableError",
    "VersionNotFoundError",
]
