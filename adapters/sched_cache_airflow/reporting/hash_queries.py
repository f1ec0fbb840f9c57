"""The last query of this process for current hashes in the host's database."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class HashQueries:
    """The time of the last query by the monotonic clock, and the number of queries; for the reports."""

    at: float = 0.0
    n_queries: int = 0


hash_queries = HashQueries()
"""The queries of this process."""
