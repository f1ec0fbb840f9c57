"""The report of one process in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sched_cache_airflow.sharing.owner import OTHER

Facts = Mapping[str, Any]

BREAKER_STATES = ("closed", "half open", "open")


def title(facts: Facts) -> str:
    """The name of the process."""
    return f"{facts.get('component')} on {facts.get('host')}, pid {facts.get('pid')}"


def hit_percent(facts: Facts) -> float | None:
    """The hit rate since the start in percent; None if there were no reads."""
    hits, misses = count(facts, "l1", "hits"), count(facts, "l1", "misses")
    return 100 * hits / (hits + misses) if hits + misses else None


def count(facts: Facts, section: str, name: str) -> float:
    """One of the numbers; 0 if the report does not have it."""
    value = facts.get("counts", {}).get(section, {}).get(name)
    return value if isinstance(value, (int, float)) else 0


def fallbacks(facts: Facts) -> dict[str, int]:
    """Reason -> number of fallbacks to the host's own path."""
    return dict(facts.get("counts", {}).get("fallbacks", {}))


def parts_left(facts: Facts) -> list[str]:
    """The parts that stay the host's own while the rest is on, with the reasons."""
    return [f"{part} left to Airflow: {reason}" for part, reason in dict(facts.get("left") or {}).items()]


def trust(facts: Facts) -> list[str]:
    """The trust in scheduling decisions: a pin, a certificate, or why there is none. Empty for other processes."""
    words = dict(facts.get("trust") or {}).get("words")
    return [str(words)] if words else []


def breaker(facts: Facts) -> str | None:
    """The state of the circuit breaker in front of Redis; None without Redis."""
    if not facts.get("has_redis"):
        return None
    state = int(count(facts, "gauges", "redis_breaker_state"))
    return BREAKER_STATES[state] if 0 <= state < len(BREAKER_STATES) else "unknown"


def is_in_trouble(facts: Facts) -> bool:
    """Whether an operator should act: an error has switched off the plugin, an option is wrong, or Redis is down."""
    has_given_up = not facts.get("is_on") and bool(facts.get("reason"))
    return has_given_up or bool(facts.get("wrong_options")) or breaker(facts) == "open"


def describe(facts: Facts, seconds_ago: float) -> tuple[str, str]:
    """(the active path with its numbers, advice)."""
    words = [
        "the plugin serves" if facts.get("is_on") else f"Airflow's own path is used: {facts.get('reason')}"
    ]
    percent = hit_percent(facts)
    if percent is not None:
        words.append(f"{percent:.1f} % from memory")
    used, bound = count(facts, "gauges", "l1_bytes"), facts.get("l1_max_bytes", 0)
    words.append(f"{used / 1e6:,.1f} of {bound / 1e6:,.0f} MB")
    taken = fallbacks(facts)
    if taken:
        most = max(taken, key=lambda reason: taken[reason])
        words.append(f"Airflow's own path taken: {sum(taken.values()):,}, most for: {most}")
    words += trust(facts)
    words += parts_left(facts)
    words += map(str, facts.get("wrong_options") or ())
    if facts.get("exclude_dags"):
        words.append(f"excluded: {', '.join(map(str, facts['exclude_dags']))}")
    state = breaker(facts)
    if state is not None:
        words.append(f"breaker {state}")
    words.append(f"reported {seconds_ago:.0f} s ago")
    advice = ""
    if state == "open":
        advice = "Redis does not answer this process: see `redis`, and the network between them"
    elif facts.get("wrong_options"):
        advice = "correct the options, and restart it"
    elif facts.get("reason") == OTHER:
        advice = "give one of the two Airflows tables of its own, and restart it"
    elif not facts.get("is_on"):
        advice = "its log has the traceback; it needs a restart"
    elif taken:
        advice = "its log has the first fallback for each reason"
    return "; ".join(words), advice
