"""A scheduler written against the simple classes: the steps that Airflow 1.10 documents for its loop.

    1. task instances whose run is not running are taken back (`_change_state_for_tis_without_dagrun`)
    2. those that may run now are found, by priority and under every limit (`_find_executable_task_instances`)
    3. they become queued and go to the executor (`_enqueue_task_instances_with_queued_state`)

Only the first line of the loop knows where its DAGs come from.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Any

from sqlalchemy import and_, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from sched_cache.dag_cache import DagCache
from sched_cache.errors import SchedCacheError
from sched_cache.scheduling import SlimTaskInstance
from sched_cache_airflow.simple_dag import (
    Harvest,
    SimpleDagBag,
    SimpleTaskInstance,
    harvest_simple_dags,
    pack_task_instances,
    unpack_task_instances,
)
from tests.simple_scheduler.tables import (
    DAG_RUN,
    HANDLED,
    QUEUE,
    TASK_INSTANCE,
    edition_of,
    execution_date_of,
)
from tests.support.hurt_cluster.edited_files import EDITION
from tests.support.hurt_cluster.journal import Journal

_LOOPS_A_SECOND = 60.0


def schedule(cache: DagCache, journal: Journal, choose: random.Random) -> None:
    """Schedules what is fresh and plays the executor, for ever."""
    while True:
        try:
            with harvest_simple_dags(cache, limit=3) as harvest:
                if harvest.claims:
                    execute_loop(cache, harvest)
            run_queued(cache, journal)
        except (SchedCacheError, SQLAlchemyError) as error:  # the latter from statements of our own
            journal.write("failed", error=type(error).__name__)
            time.sleep(0.02)
        time.sleep(choose.expovariate(_LOOPS_A_SECOND))


def execute_loop(cache: DagCache, harvest: Harvest) -> None:
    """One loop over the DAGs that were harvested, in their transaction."""
    connection, bag = harvest.connection, harvest.simple_dag_bag
    change_state_of_orphans(connection, bag)
    executable = find_executable_task_instances(cache, connection, bag)
    enqueue(connection, bag, executable)
    for claim in harvest.claims:
        dag = cache.get(claim.key, min_version=claim.version)
        edition = dag.field(EDITION) if dag is not None else 0
        connection.execute(
            insert(HANDLED), {"dag_id": claim.key, "edition": edition, "seq": claim.parsed_seq}
        )


def change_state_of_orphans(connection: Any, bag: SimpleDagBag) -> None:
    """Step 1."""
    running = (
        select(DAG_RUN.c.dag_id)
        .where(
            DAG_RUN.c.dag_id == TASK_INSTANCE.c.dag_id,
            DAG_RUN.c.edition == TASK_INSTANCE.c.edition,
            DAG_RUN.c.state == "running",
        )
        .exists()
    )
    of_bag = and_(TASK_INSTANCE.c.dag_id.in_(list(bag.dag_ids)), TASK_INSTANCE.c.state == "scheduled")
    connection.execute(update(TASK_INSTANCE).where(of_bag, ~running).values(state=None))


def find_executable_task_instances(
    cache: DagCache, connection: Any, bag: SimpleDagBag
) -> list[SimpleTaskInstance]:
    """Step 2: the highest priority first, and of one priority the oldest run."""
    found: list[SimpleTaskInstance] = []
    for dag_id in bag.dag_ids:
        dag = cache.get(dag_id)
        assert dag is not None
        rows = connection.execute(
            select(TASK_INSTANCE.c.task_id, TASK_INSTANCE.c.edition, TASK_INSTANCE.c.try_number).where(
                TASK_INSTANCE.c.dag_id == dag_id, TASK_INSTANCE.c.state == "scheduled"
            )
        ).all()
        found += [
            SimpleTaskInstance.from_slim(
                dag, SlimTaskInstance(task_id, -1, "scheduled", try_number), execution_date_of(edition)
            )
            for task_id, edition, try_number in rows
        ]
    found.sort(key=lambda simple: (-simple.priority_weight, simple.execution_date, simple.dag_id))
    occupied = _occupied(connection, bag)
    executable = []
    for simple in found:
        simple_dag = bag.get_dag(simple.dag_id)
        limit = simple_dag.get_task_special_arg(simple.task_id, "task_concurrency")
        if occupied[simple.dag_id] >= simple_dag.concurrency:
            continue
        if limit is not None and occupied[simple.dag_id, simple.task_id] >= limit:
            continue
        occupied.update((simple.dag_id, (simple.dag_id, simple.task_id)))
        executable.append(simple)
    return executable


def _occupied(connection: Any, bag: SimpleDagBag) -> Counter[Any]:
    """How many task instances of each DAG, and of each task, the executor has."""
    occupied: Counter[Any] = Counter()
    rows = connection.execute(
        select(TASK_INSTANCE.c.dag_id, TASK_INSTANCE.c.task_id, func.count())
        .where(TASK_INSTANCE.c.dag_id.in_(list(bag.dag_ids)), TASK_INSTANCE.c.state == "queued")
        .group_by(TASK_INSTANCE.c.dag_id, TASK_INSTANCE.c.task_id)
    )
    for dag_id, task_id, count in rows:
        occupied[dag_id] += count
        occupied[dag_id, task_id] += count
    return occupied


def enqueue(connection: Any, bag: SimpleDagBag, executable: list[SimpleTaskInstance]) -> None:
    """Step 3."""
    for simple in executable:
        assert bag.get_dag(simple.dag_id).full_filepath == f"/dags/{simple.dag_id}.py"
        of_ti = {
            "dag_id": simple.dag_id,
            "task_id": simple.task_id,
            "edition": edition_of(simple.execution_date),
        }
        connection.execute(update(TASK_INSTANCE).where(*_is(TASK_INSTANCE, of_ti)).values(state="queued"))
        connection.execute(
            insert(QUEUE), {**of_ti, "payload": pack_task_instances([simple]), "is_done": False}
        )


def run_queued(cache: DagCache, journal: Journal, limit: int = 8) -> None:
    """The executor: what is in the queue succeeds. It works from the bytes alone."""
    with cache.store.transaction() as connection:
        rows = connection.execute(
            select(QUEUE.c.id, QUEUE.c.payload)
            .where(~QUEUE.c.is_done)
            .order_by(QUEUE.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        for row_id, payload in rows:
            [simple] = unpack_task_instances(payload)
            assert isinstance(simple, SimpleTaskInstance)
            dag_id, task_id, execution_date, try_number = simple.key
            of_ti = {"dag_id": dag_id, "task_id": task_id, "edition": edition_of(execution_date)}
            connection.execute(
                update(TASK_INSTANCE)
                .where(*_is(TASK_INSTANCE, of_ti))
                .values(state="success", try_number=try_number)
            )
            connection.execute(update(QUEUE).where(QUEUE.c.id == row_id).values(is_done=True))
    if rows:
        journal.write("ran", n=len(rows))


def _is(table: Any, values: dict[str, Any]) -> list[Any]:
    return [table.c[name] == value for name, value in values.items()]
