"""Opens the shared tier that the configuration names."""

from __future__ import annotations

from sched_cache.clock import Clock
from sched_cache.config import Config
from sched_cache.stats import Stats
from sched_cache.store.budget import Budget
from sched_cache.store.l2 import L2, NoRedis


def open_l2(config: Config, stats: Stats, clock: Clock, budget: Budget | None = None) -> L2:
    """The L2 that `config.redis_url` names. Connections are opened on first use.

    budget: shared with other callers that lose time to tiers in trouble; None: a budget of its own.
    """
    if config.redis_url is None:
        return NoRedis()
    # Here, so that a process without Redis does not import its client.
    from sched_cache.store.redis.tier import RedisTier

    return RedisTier(config, stats, clock, budget=budget)
