"""Freshly parsed DAGs for one scheduler loop, in place of `agent.harvest_simple_dags()` of 1.10.

In 1.10, they came through a pipe from the scheduler's own processor, and were lost with it. Here they are claimed, so
that no other scheduler has them. If a scheduler dies before it has handled them, they are fresh for the next one.
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

    simple_dag_bag: the DAGs that exist. claims: theirs, and those of deleted DAGs. damaged: key -> error of each DAG
    with an unreadable content; they stay fresh. connection: the transaction in which the loop writes; None if nothing
    is fresh.
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
        with suppress(FormatError):  # the loop below finds the damaged DAG
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
