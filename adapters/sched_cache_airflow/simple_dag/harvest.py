"""Freshly parsed DAGs for one scheduler loop: what `agent.harvest_simple_dags()` was in 1.10.

There they came through a pipe from the scheduler's own processor, and were lost with it. Here they come from claims:
no other scheduler has them, and what was not handled when a scheduler dies is fresh again for the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sched_cache.dag_cache import DagCache
from sched_cache.errors import FormatError
from sched_cache.freshness import Claim
from sched_cache_airflow.simple_dag.simple_dag import DEFAULT_CONCURRENCY, SimpleDag
from sched_cache_airflow.simple_dag.simple_dag_bag import SimpleDagBag


@dataclass(frozen=True, slots=True)
class Harvest:
    """The fresh DAGs of this loop.

    simple_dag_bag: those that are there. claims: theirs, and those of DAGs that were deleted. damaged: key -> error
    of those whose content cannot be read; they stay fresh. connection: the transaction in which the loop writes;
    None when nothing is fresh.
    """

    simple_dag_bag: SimpleDagBag
    claims: list[Claim]
    damaged: dict[str, FormatError]
    connection: Any


@contextmanager
def harvest_simple_dags(
    cache: DagCache, limit: int = 20, *, default_concurrency: int = DEFAULT_CONCURRENCY
) -> Iterator[Harvest]:
    """Up to `limit` fresh DAGs. When the block ends they are acknowledged and its writes committed, both or neither.

    Raises:
        StoreUnavailableError: the database did not answer.
    """
    with cache.claim(limit) as claims:
        with suppress(FormatError):  # found again below, and then for one DAG alone
            cache.get_many([claim.key for claim in claims])
        simple_dags: list[SimpleDag] = []
        taken: list[Claim] = []
        damaged: dict[str, FormatError] = {}
        for claim in claims:
            try:
                dag = cache.get(claim.key, min_version=claim.version)
                if dag is not None:
                    simple_dags.append(SimpleDag(dag, default_concurrency=default_concurrency))
            except FormatError as error:
                damaged[claim.key] = error
            else:
                taken.append(claim)
        yield Harvest(SimpleDagBag(simple_dags), taken, damaged, claims[0].connection if claims else None)
        for claim in taken:
            claim.acknowledge()
