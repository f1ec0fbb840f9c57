"""Slim, always fresh copies of Airflow DAGs for schedulers."""

from sched_cache.config import Config
from sched_cache.dag_cache import DagCache, Published
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
    "Config",
    "ConfigError",
    "DagCache",
    "FormatError",
    "InvalidDagError",
    "PublishConflictError",
    "Published",
    "RedisUnavailableError",
    "SchedCacheError",
    "StoreUnavailableError",
    "VersionNotFoundError",
]
