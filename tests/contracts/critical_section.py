"""A loop of the plugin queues until no slot is free: the task instances, and the order, of stock with that option.

A host's `test_critical_section.py` derives from this.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.hosts.subject import PLUGIN, STOCK, Subject
from tests.support.scheduling.random_dags import START
from tests.support.scheduling.script import dag_id_of

SLOTS = 32  # `[core] parallelism`
BATCH = 16  # `[scheduler] max_tis_per_query`
SMALL_POOL = "small"
SMALL_POOL_SLOTS = 5

OF_MANY = 99  # the seed of DAGs whose tasks have no limit but the slots
_UNLIMITED = 100
_POOLS = ("default_pool", "default_pool", SMALL_POOL)

Queued = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Host:
    """The parts of a host that these tests need.

    activated: the subject in charge of this process. new_scheduler: one whose executor has `SLOTS` slots and appends
    each task that it is given to the list.
    """

    empty_database: Callable[[], None]
    activated: Callable[[Subject], AbstractContextManager[None]]
    dag: Callable[..., Any]
    bash: Callable[..., Any]
    document_of: Callable[[Any], Any]
    store: Callable[[Sequence[Any]], None]
    create_run: Callable[[str, Any], str]
    new_scheduler: Callable[[Queued], Any]
    settings: Callable[[], Any]
    """The object that has the settings of the plugin as `settings`."""


def _documents(host: Host, seed: int) -> list[Any]:
    """Tasks that can all start; no two of them have the same priority, so that their order is determined."""
    chosen, is_free = random.Random(seed), seed == OF_MANY
    n_dags = chosen.randint(2, 4)
    priorities = chosen.sample(range(1, 1000), 25 * n_dags)
    documents = []
    for number in range(n_dags):
        limit = _UNLIMITED if is_free else chosen.choice((3, 16, _UNLIMITED))
        with host.dag(
            f"dag_{number}", start_date=START, schedule=None, max_active_tasks=limit, catchup=False
        ) as dag:
            for task in range(25):
                host.bash(
                    task_id=f"task_{task}",
                    bash_command="true",
                    priority_weight=priorities.pop(),
                    weight_rule="absolute",
                    pool="default_pool" if is_free else chosen.choice(_POOLS),
                    max_active_tis_per_dag=None if is_free else chosen.choice((None, None, 1)),
                )
        documents.append(host.document_of(dag))
    return documents


def _make_pool() -> None:
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session

    with create_session() as session:
        session.merge(Pool(pool=SMALL_POOL, slots=SMALL_POOL_SLOTS, description="", include_deferred=False))


def scheduler_of(host: Host, seed: int, n_runs: int) -> tuple[Any, Queued]:
    """A scheduler that has yet to look at the runs."""
    host.empty_database()
    documents = _documents(host, seed)
    host.store(documents)
    _make_pool()
    for document in documents:
        for number in range(n_runs):
            host.create_run(dag_id_of(document), START.replace(day=START.day + number))
    queued: Queued = []
    return host.new_scheduler(queued), queued


class CriticalSectionContract:
    """The fixture `host` is the host's."""

    def _queued(self, host: Host, seed: int, limit: int | None = None) -> list[Queued]:
        """The tasks of each of some loops, in the order in which the executor was given them."""
        scheduler, queued = scheduler_of(host, seed, n_runs=2)
        if limit is not None:
            scheduler.runner.job.max_tis_per_query = limit
        found = []
        for _ in range(3):
            scheduler.loop()
            found.append(list(queued))
            queued.clear()
        return found

    @pytest.mark.parametrize("seed", range(2))
    def test_it_queues_what_stock_does_without_a_limit(self, host: Host, seed: int) -> None:
        """In that order, within the limits of pools, DAGs and tasks."""
        with host.activated(STOCK):
            expected = self._queued(host, seed, limit=0)
        with host.activated(PLUGIN):
            assert self._queued(host, seed) == expected
        assert max(map(len, expected)) > SMALL_POOL_SLOTS

    def test_a_loop_fills_all_slots(self, host: Host) -> None:
        """Where one of stock fills a part of them."""
        found = []
        for subject in (STOCK, PLUGIN):
            with host.activated(subject):
                found.append(max(map(len, self._queued(host, seed=OF_MANY))))
        assert found == [BATCH, SLOTS]

    def test_an_option_restores_the_limit(self, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        with host.activated(PLUGIN):
            state = host.settings()
            monkeypatch.setattr(state, "settings", replace(state.settings, queue_until_full=False))
            assert max(map(len, self._queued(host, seed=OF_MANY))) == BATCH

    def test_the_limit_is_the_operators_again_after_a_failure(
        self, host: Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with host.activated(PLUGIN):
            scheduler, queued = scheduler_of(host, OF_MANY, n_runs=2)
            seen = []

            def fails(max_tis: int, session: Any) -> Any:
                seen.append((max_tis, scheduler.runner.job.max_tis_per_query))
                raise MemoryError

            monkeypatch.setattr(scheduler.runner, "_executable_task_instances_to_queued", fails)
            with pytest.raises(MemoryError):
                scheduler.loop()
            assert scheduler.runner.job.max_tis_per_query == BATCH
        assert seen == [(SLOTS, 0)]
        assert queued == []

    @pytest.mark.parametrize(
        ("limit", "attributes"),
        [
            (BATCH - 1, {}),
            (BATCH, {"parallelism": 0}),
            (BATCH, {"is_single_threaded": True}),
        ],
        ids=["lower", "executor without a limit", "executor with one thread"],
    )
    def test_the_limit_stays_where_slots_are_none(
        self, host: Host, limit: int, attributes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The host's query is given the limit that it has on stock."""
        found = []
        for subject in (STOCK, PLUGIN):
            with host.activated(subject):
                scheduler, _ = scheduler_of(host, OF_MANY, n_runs=1)
                scheduler.runner.job.max_tis_per_query = limit
                for name, value in attributes.items():
                    monkeypatch.setattr(scheduler.executor, name, value, raising=False)
                seen: list[int] = []

                def executable(max_tis: int, session: Any, seen: list[int] = seen) -> list[Any]:
                    seen.append(max_tis)
                    return []

                monkeypatch.setattr(scheduler.runner, "_executable_task_instances_to_queued", executable)
                scheduler.loop()
                assert scheduler.runner.job.max_tis_per_query == limit
                found.append(seen)
        assert found[0] == found[1], found

    def test_outside_of_a_loop_the_limit_is_the_operators(
        self, host: Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from airflow.utils.session import create_session

        with host.activated(PLUGIN):
            scheduler, _ = scheduler_of(host, OF_MANY, n_runs=1)
            seen = []

            def executable(max_tis: int, session: Any) -> list[Any]:
                seen.append(max_tis)
                return []

            monkeypatch.setattr(scheduler.runner, "_executable_task_instances_to_queued", executable)
            with create_session() as session:
                scheduler.runner._critical_section_enqueue_task_instances(session=session)
                scheduler.runner._critical_section_enqueue_task_instances(session)
        assert seen == [BATCH, BATCH]

    def test_other_dags_do_not_wait_behind_a_task_at_its_limit(self, host: Host) -> None:
        """Many runs have one task of high priority of which one may run at a time, and fill each batch of stock."""
        found = []
        for subject in (STOCK, PLUGIN):
            with host.activated(subject):
                found.append(self._loops_until_others_are_queued(host))
        stock, plugin = found
        assert stock > 1
        assert plugin == 1

    def _loops_until_others_are_queued(self, host: Host) -> int:
        host.empty_database()
        with host.dag("many", start_date=START, schedule=None, max_active_tasks=_UNLIMITED) as many:
            host.bash(
                task_id="limited",
                bash_command="true",
                priority_weight=100,
                weight_rule="absolute",
                max_active_tis_per_dag=1,
            )
        with host.dag("few", start_date=START, schedule=None, max_active_tasks=_UNLIMITED) as few:
            for task in range(3):
                host.bash(task_id=f"other_{task}", bash_command="true", weight_rule="absolute")
        host.store([host.document_of(many), host.document_of(few)])
        for number in range(BATCH + 2):
            host.create_run("many", START.replace(day=START.day + number))
        host.create_run("few", START)
        queued: Queued = []
        scheduler = host.new_scheduler(queued)
        for n_loops in range(1, 10):
            scheduler.loop()
            if sum(dag_id == "few" for dag_id, _ in queued) == 3:
                return n_loops
        raise AssertionError(queued)
