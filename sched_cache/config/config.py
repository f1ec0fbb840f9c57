"""`Config`: every option, checked when it is built, passed in from the edge."""

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
    """All options. Building one checks every value; nothing is opened.

    Raises:
        ConfigError: a value is out of its range. Names option, value (no password) and what is allowed.
    """

    # The database: the source of truth.
    database_url: str = option(
        "sqlite:///sched_cache.db",
        DatabaseUrl(),
        unit="URL",
        doc="Where versions, flags and contents are kept.",
    )
    database_schema: str | None = option(
        None,
        Name(_IDENTIFIER, _IDENTIFIER_IN_WORDS + ", or empty", is_optional=True),
        doc="Schema of the tables; empty: the default of the connection.",
    )
    table_prefix: str = option(
        "sched_cache_",
        TABLE_PREFIX,
        doc="In front of the name of every table.",
    )
    create_tables: bool = option(
        True,
        Flag(),
        doc="Create and upgrade the tables at first use. If not, `sched-cache init-db` must have run.",
    )
    database_timeout_seconds: float = option(
        5.0,
        Number(0.1, 300),
        unit="seconds",
        doc="How long a call may take in all, reads too: connection, locks, each packet, retries. A database that "
        "does not answer in that time, cannot be reached or has no usable tables is left alone for up to 5 seconds: "
        "calls fail at once with `StoreUnavailableError`, and one call after each pause asks again. A lock is waited "
        "for 80% of it, at least a second on MySQL. Statements in a transaction of the caller's are bounded by the "
        "caller.",
    )
    database_attempts: int = option(
        3,
        Number(1, 10, is_integer=True),
        unit="count",
        doc="How often an operation is tried before it fails with `StoreUnavailableError`, within "
        "`database_timeout_seconds`.",
    )
    database_pool_size: int = option(
        5,
        Number(1, 100, is_integer=True),
        unit="connections",
        doc="Connections that a process has open at most for reads, and as many for writes; it keeps two of each.",
    )
    database_grace_seconds: float = option(
        0.0,
        Number(0, 86_400),
        unit="seconds",
        doc="While the database is down, serve what was last certified for this long past "
        "`max_staleness_seconds`. 0: fail instead of serving old DAGs.",
    )

    # Freshness.
    max_staleness_seconds: float = option(
        1.0,
        Number(0, 3_600),
        unit="seconds",
        doc="A read returns nothing older than what was current this long ago. 0: each asks the database.",
    )
    full_certify_seconds: float = option(
        60.0,
        Number(1, 86_400),
        unit="seconds",
        doc="How often all keys are compared with the database, besides the changes.",
    )

    # L1: in this process.
    l1_max_bytes: int = option(
        256 * 1024 * 1024,
        Number(0, 2**40, is_integer=True),
        unit="bytes",
        doc="Room for decoded DAGs in each process, their bookkeeping included. 0: keep none.",
    )
    l1_max_entries: int = option(
        100_000,
        Number(1, 10_000_000, is_integer=True),
        unit="DAGs",
        doc="How many decoded DAGs a process keeps at most.",
    )
    flight_wait_seconds: float = option(
        30.0,
        Number(0.01, 3_600),
        unit="seconds",
        doc="How long a thread waits for another one that loads the same content, before it loads it itself.",
    )

    # L2: Redis.
    redis_url: str | None = option(
        "fake://",
        RedisAddress(),
        unit="URL",
        doc="The Redis that all nodes share. The default is one inside this process; empty: none. A URL made for "
        "Celery can be used as it is, also with `valkey`, and with `ssl_cert_reqs=CERT_NONE` and the like. Its "
        "`socket_timeout`, `retry_on_timeout`, `health_check_interval` and the other options for connections "
        "are checked and have no effect: `redis_timeout_seconds` bounds each call.",
    )
    namespace: str = option(
        "sched_cache",
        Name(r"[A-Za-z0-9_.-]{1,64}", "1 to 64 of letters, digits, `_`, `.` and `-`"),
        doc="In front of every Redis key and channel. Clusters that share a Redis do not disturb each other with one "
        "namespace; different ones tell their keys apart, and let Redis ACLs do so.",
    )
    redis_timeout_seconds: float = option(
        0.05,
        Number(0.001, 10),
        unit="seconds",
        doc="The longest that a call to Redis may take in all: resolving the name, connecting, TLS, password, "
        "sentinels, and every packet of the answer. Nothing is retried.",
    )
    redis_content_ttl_seconds: int = option(
        7 * 86_400,
        Number(60, 366 * 86_400, is_integer=True),
        unit="seconds",
        doc="How long an unused content stays in Redis. Use renews it.",
    )
    redis_compression_min_bytes: int = option(
        32 * 1024,
        Number(0, 2**30, is_integer=True),
        unit="bytes",
        doc="Smaller parts are not compressed in Redis. Lower saves memory and network, and costs readers "
        "processor time.",
    )
    redis_lease_seconds: float = option(
        3.0,
        Number(0.05, 60),
        unit="seconds",
        doc="How long one node may have the exclusive right to load a content that is not in Redis.",
    )
    redis_lease_wait_seconds: float = option(
        1.0,
        Number(0, 60),
        unit="seconds",
        doc="How long the other nodes wait for that one before they load the content themselves; no longer "
        "than what is left of `tier_loss_seconds`.",
    )
    redis_ping_seconds: float = option(
        5.0,
        Number(0.05, 300),
        unit="seconds",
        doc="How long the notification channel may be silent before its connection is tested.",
    )
    redis_breaker_failures: int = option(
        3,
        Number(1, 1_000, is_integer=True),
        unit="count",
        doc="Failures in a row after which Redis is left alone, if `tier_loss_seconds` is not spent before.",
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
        doc="Longest back-off, and so how long after its end a trouble may be noticed. If set, at least "
        "`redis_breaker_min_seconds`.",
    )
    tier_loss_seconds: float = option(
        0.08,
        Number(0.001, 60),
        unit="seconds",
        doc="The most that Redis in trouble may cost a process at once, however many calls it makes; in the "
        "long run it may cost a tenth of that per second. Lost is the whole of a call without an answer, and of "
        "an answer the time by which it came later than the database takes. A call waits no longer than what is "
        "left; when nothing is, Redis is left alone, and tried again in the background. Where "
        "`redis_timeout_seconds` is longer, that is the limit. In the plugin, a `database_url` of its own shares it: "
        "no loop or request waits longer for DAGs that Airflow's own rows have, and what comes sooner than those "
        "costs nothing.",
    )

    # The compact format.
    hot_include: tuple[str, ...] = option(
        (),
        FieldNames(),
        doc="Fields that schedulers read besides the usual ones. All nodes must agree.",
    )
    hot_exclude: tuple[str, ...] = option(
        (),
        FieldNames(),
        doc="Fields that schedulers do not read although they usually do. All nodes must agree.",
    )
    max_content_bytes: int = option(
        64 * 1024 * 1024,
        Number(1_024, 2**30, is_integer=True),
        unit="bytes",
        doc="A stored part that unpacks to more is refused.",
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
        """What differs from the defaults, without passwords."""
        changed = []
        for declared in options(Config):
            value = getattr(self, declared.name)
            if value != declared.default:
                changed.append(f"{declared.name}={declared.kind.show(value)!r}")
        return f"Config({', '.join(changed)})"

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Config:
        """The defaults, and what `environ` (None: the process's environment) says in `SCHED_CACHE__*`.

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
                # Not its value: this may be a misspelt URL with a password in it.
                raise ConfigError(variable, "***", ", ".join(similar or by_variable))
            chosen[by_variable[variable].name] = by_variable[variable].read(text)
        return cls(**chosen)
