"""The counters of each tier. They are plain integers: counting costs one addition."""

from __future__ import annotations

from dataclasses import dataclass, field

from sched_cache.stats.histogram import Histogram


@dataclass(slots=True, eq=False)
class L1Counters:
    """Reads and changes of the DAGs kept in this process."""

    hits: int = 0
    misses: int = 0
    absent_hits: int = 0
    """Reads answered from the knowledge that the database has no such DAG."""
    kept: int = 0
    not_kept: int = 0
    """DAGs loaded and served, but not kept: too large, or not used often enough."""
    evictions: int = 0
    superseded: int = 0
    """DAGs dropped because no key refers to their content any more."""


@dataclass(slots=True, eq=False)
class RedisCounters:
    """Commands to the shared Redis. A miss is an answer; an error is not."""

    hits: int = 0
    misses: int = 0
    errors: int = 0
    skipped: int = 0
    """Commands not sent, because the breaker was open."""
    damaged: int = 0
    """Values that did not match the hash in their key: counted, deleted, and treated as a miss."""
    puts: int = 0
    put_errors: int = 0
    renewals: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    leases: int = 0
    lease_waits: int = 0
    lease_timeouts: int = 0
    notices_sent: int = 0
    notices_received: int = 0
    notices_rejected: int = 0
    subscriptions: int = 0
    """How often the notification channel was joined; more than once means reconnects."""
    floods: int = 0
    """How often the channel carried more messages than a process should read, so that it was left for a while."""
    breaker_opened: int = 0
    get_seconds: Histogram = field(default_factory=Histogram)
    put_seconds: Histogram = field(default_factory=Histogram)


@dataclass(slots=True, eq=False)
class DatabaseCounters:
    """Statements to the source of truth."""

    contents_read: int = 0
    damaged: int = 0
    """Contents that did not match the hash of their pointer."""
    absent: int = 0
    published: int = 0
    unchanged: int = 0
    conflicts: int = 0
    errors: int = 0
    skipped: int = 0
    """Calls not made, because the database was left alone."""
    overdue: int = 0
    """Calls that ended at their deadline."""
    left_alone: int = 0
    """How often a back-off of the database began."""
    read_seconds: Histogram = field(default_factory=Histogram)
    publish_seconds: Histogram = field(default_factory=Histogram)


@dataclass(slots=True, eq=False)
class FreshnessCounters:
    """How this process learns which version is current."""

    certifications: int = 0
    full_certifications: int = 0
    learnt: int = 0
    """Versions newer than the floor, from any source."""
    restores: int = 0
    """How often the database had gone back in time."""
    served_in_grace: int = 0
    """Reads served past the staleness bound because the database was down and the operator allowed it."""
    certify_seconds: Histogram = field(default_factory=Histogram)


@dataclass(slots=True, eq=False)
class FlightCounters:
    """Loads of one content, and the threads that waited for one instead of loading."""

    flights: int = 0
    joined: int = 0
    failed: int = 0
    timeouts: int = 0
    wait_seconds: Histogram = field(default_factory=Histogram)
