"""`Config`: every option, checked at construction and passed in from the edge."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from sched_cache.config.kind import (
    TABLE_PREFIX,
    DatabaseUrl,
    FieldNames,
    Flag,
    Name,
    Number,
    RedisAddress,
)
from sched_cache.config.option import PREFIX, option, options
from sched_cache.errors import ConfigError

_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]{0,29}"
_BREAKER_MAX_SECONDS = 3.0
_IDENTIFIER_IN_WORDS = "a letter or _, then letters, digits and _, 30 at most"


@dataclass(frozen=True, slots=True, repr=False)
class Config:
    """All options. The constructor checks every value and opens nothing.

    Raises:
        ConfigError: a value is out of its range. Names the option, the value (no password) and the allowed range.
    """

    # The database: the source of truth.
    database_url: str = option(
        "sqlite:///sched_cache.db",
        DatabaseUrl(),
        unit="URL",
        doc="The database that stores versions, flags and contents.",
    )
    database_schema: str | None = option(
        None,
        Name(_IDENTIFIER, _IDENTIFIER_IN_WORDS + ", or empty", is_optional=True),
        doc="The schema of the tables. Empty: the default schema of the connection.",
    )
    table_prefix: str = option(
        "sched_cache_",
        TABLE_PREFIX,
        doc="The prefix of the name of every table.",
    )
    create_tables: bool = option(
        True,
        Flag(),
        doc="Whether the first use creates and upgrades the tables. If false, run `sched-cache init-db` before.",
    )
    database_timeout_seconds: float = option(
        5.0,
        Number(0.1, 300),
        unit="seconds",
        doc="The deadline of a whole call, including reads: connection, locks, each packet, and retries. If the "
        "database does not answer in that time, cannot be reached or has no usable tables, it is left alone for up to "
        "5 seconds: calls fail at once with `StoreUnavailableError`, and one call after each pause tries again. The "
        "limit for waiting for a lock is 80 % of the deadline, on MySQL at least one second. For statements in a "
        "transaction of the caller, the caller sets the limit.",
    )
    database_attempts: int = option(
        3,
        Number(1, 10, is_integer=True),
        unit="count",
        doc="The number of attempts of an operation, within `database_timeout_seconds`, before it fails with "
        "`StoreUnavailableError`.",
    )
    database_pool_size: int = option(
        5,
        Number(1, 100, is_integer=True),
        unit="connections",
        doc="The maximum number of open connections of a process for reads, and as many for writes. Two idle "
        "connections of each kind stay open.",
    )
    database_grace_seconds: float = option(
        0.0,
        Number(0, 86_400),
        unit="seconds",
        doc="While the database is down, how long beyond `max_staleness_seconds` the last certified DAGs are "
        "served. 0: reads fail instead of returning old DAGs.",
    )

    # Freshness.
    max_staleness_seconds: float = option(
        1.0,
        Number(0, 3_600),
        unit="seconds",
        doc="The maximum age: a read returns nothing older than the version that was current this long ago. 0: "
        "each read asks the database.",
    )
    full_certify_seconds: float = option(
        60.0,
        Number(1, 86_400),
        unit="seconds",
        doc="The interval at which all keys are compared with the database, in addition to the changes.",
    )

    # L1: in this process.
    l1_max_bytes: int = option(
        256 * 1024 * 1024,
        Number(0, 2**40, is_integer=True),
        unit="bytes",
        doc="The memory limit for decoded DAGs in each process, including bookkeeping. 0: keep none.",
    )
    l1_max_entries: int = option(
        100_000,
        Number(1, 10_000_000, is_integer=True),
        unit="DAGs",
        doc="The maximum number of decoded DAGs that a process keeps.",
    )
    flight_wait_seconds: float = option(
        30.0,
        Number(0.01, 3_600),
        unit="seconds",
        doc="How long a thread waits for another thread that loads the same content before it loads the content "
        "itself.",
    )

    # L2: Redis.
    redis_url: str | None = option(
        "fake://",
        RedisAddress(),
        unit="URL",
        doc="The Redis that all nodes share. The default is a Redis inside the process; empty: no Redis. A URL made "
        "for Celery can be used as it is, including `valkey` and `ssl_cert_reqs=CERT_NONE`. Its options for "
        "connections, such as `socket_timeout`, `retry_on_timeout` and `health_check_interval`, are checked but have "
        "no effect: `redis_timeout_seconds` limits each call.",
    )
    namespace: str = option(
        "sched_cache",
        Name(r"[A-Za-z0-9_.-]{1,64}", "1 to 64 of letters, digits, `_`, `.` and `-`"),
        doc="The prefix of every Redis key and channel. Clusters that share a Redis may use the same namespace without "
        "disturbing each other; with different namespaces, their keys can be told apart, also by Redis ACLs.",
    )
    redis_timeout_seconds: float = option(
        0.05,
        Number(0.001, 10),
        unit="seconds",
        doc="The deadline of a whole call to Redis: name resolution, connection, TLS, password, sentinels, and every "
        "packet of the answer. Calls are not retried.",
    )
    redis_content_ttl_seconds: int = option(
        7 * 86_400,
        Number(60, 366 * 86_400, is_integer=True),
        unit="seconds",
        doc="The time to live of an unused content in Redis. Reads renew it.",
    )
    redis_compression_min_bytes: int = option(
        32 * 1024,
        Number(0, 2**30, is_integer=True),
        unit="bytes",
        doc="Smaller parts are stored in Redis without compression. A lower value saves memory and network traffic, "
        "and costs readers CPU time.",
    )
    redis_lease_seconds: float = option(
        3.0,
        Number(0.05, 60),
        unit="seconds",
        doc="The duration of a lease: the exclusive right of one node to load a content that is not in Redis.",
    )
    redis_lease_wait_seconds: float = option(
        1.0,
        Number(0, 60),
        unit="seconds",
        doc="How long the other nodes wait for the holder of the lease before they load the content themselves; "
        "never longer than two fifths of the remainder of `tier_loss_seconds`. After a wait without a result, a node "
        "does not wait for one second, then two, up to a minute.",
    )
    redis_ping_seconds: float = option(
        5.0,
        Number(0.05, 300),
        unit="seconds",
        doc="After how long a silence of the notification channel its connection is tested.",
    )
    redis_breaker_failures: int = option(
        3,
        Number(1, 1_000, is_integer=True),
        unit="count",
        doc="The number of consecutive failures after which Redis is left alone, unless `tier_loss_seconds` is used "
        "up earlier. If Redis has not answered the process yet, one failure that takes a quarter of that time is "
        "enough.",
    )
    redis_breaker_min_seconds: float = option(
        1.0,
        Number(0.01, 3_600),
        unit="seconds",
        doc="Initial back-off; it doubles after each failed probe. Probes run in the background.",
    )
    redis_breaker_max_seconds: float = option(
        _BREAKER_MAX_SECONDS,
        Number(0.01, 3_600),
        unit="seconds",
        doc="Longest back-off, and therefore the longest time until a recovery is noticed. If set, at least "
        "`redis_breaker_min_seconds`.",
    )
    tier_loss_seconds: float = option(
        0.07,
        Number(0.001, 60),
        unit="seconds",
        doc="The time budget that a process may lose to a Redis in trouble at once, however many calls it makes; in "
        "the long run it may lose a tenth of the budget per second. A call without an answer counts with its "
        "whole duration, an answer with the time by which it was slower than the database. A call waits no longer "
        "than the rest of the budget; when the budget is used up, Redis is left alone and probed in the "
        "background. If `redis_timeout_seconds` is longer, it replaces the budget. In the plugin, a database "
        "named by `database_url` shares the budget and has a quarter of it in reserve, which Redis cannot use: no "
        "loop or request waits longer for DAGs that Airflow's own rows have, and answers that are faster than "
        "those rows cost nothing.",
    )

    # The compact format.
    hot_include: tuple[str, ...] = option(
        (),
        FieldNames(),
        doc="Additional fields that schedulers read. All nodes must have the same value.",
    )
    hot_exclude: tuple[str, ...] = option(
        (),
        FieldNames(),
        doc="Fields that schedulers do not read although they are hot by default. All nodes must have the same value.",
    )
    max_content_bytes: int = option(
        64 * 1024 * 1024,
        Number(1_024, 2**30, is_integer=True),
        unit="bytes",
        doc="The limit of the unpacked size of a stored part; larger parts are rejected.",
    )

    def __post_init__(self) -> None:
        for declared in options(Config):
            declared.check(getattr(self, declared.name))
        is_max_set = self.redis_breaker_max_seconds != _BREAKER_MAX_SECONDS
        if is_max_set and self.redis_breaker_max_seconds < self.redis_breaker_min_seconds:
            raise ConfigError(
                "redis_breaker_max_seconds",
                self.redis_breaker_max_seconds,
                f"at least redis_breaker_min_seconds, {self.redis_breaker_min_seconds}",
            )

    def __repr__(self) -> str:
        """The options that differ from the defaults, without passwords."""
        changed = []
        for declared in options(Config):
            value = getattr(self, declared.name)
            if value != declared.default:
                changed.append(f"{declared.name}={declared.kind.show(value)!r}")
        return f"Config({', '.join(changed)})"

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Config:
        """The defaults, overridden by the variables `SCHED_CACHE__*` of `environ` (None: of this process).

        Raises:
            ConfigError: a variable names no option, or its value is not allowed.
        """
        by_variable = {declared.environment_name: declared for declared in options(cls)}
        chosen = {}
        for variable, text in (os.environ if environ is None else environ).items():
            if not variable.upper().startswith(PREFIX):
                continue
            if variable not in by_variable:
                similar = get_close_matches(variable.upper(), by_variable, n=3)
                # Without its value: it may be a URL with a password, under a misspelt name.
                raise ConfigError(variable, "***", ", ".join(similar or by_variable))
            chosen[by_variable[variable].name] = by_variable[variable].read(text)
        return cls(**chosen)
