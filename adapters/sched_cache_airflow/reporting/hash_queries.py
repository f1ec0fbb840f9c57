"""When this process last asked the host's database which content is current."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class HashQueries:
    """When that was, by the monotonic clock, and how often so far; for the reports of the process."""

    at: float = 0.0
    n_queries: int = 0


hash_queries = HashQueries()
"""That of this process."""
