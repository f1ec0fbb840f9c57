"""Compares the decisions of the host about a run with the proof, which omits some of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from sched_cache.format import decode_dag, encode_dag
from sched_cache.scheduling import (
    BlockedProof,
    HostPass,
    HostRules,
    SlimTaskInstances,
    UpstreamCounts,
    finished_rows_read,
)
from sched_cache_airflow.certification.dag_document import HostName, document_of
from sched_cache_airflow.certification.random_run import FINISHED, RunSpec, random_run
from tests.support.scheduling.moving_runs import MovingRun

Key = tuple[str, int]

# Written out, not taken from the code under test.
_WAITING = {None, "up_for_retry", "up_for_reschedule"}
_LOOKED_AT = {
    HostPass.READY: _WAITING,
    HostPass.PREMATURE: {*_WAITING, "scheduled", "queued", "running", "restarting", "deferred"},
}
_CONTEXTS: Mapping[HostPass, Mapping[str, bool]] = {
    HostPass.READY: {"ignore_unmapped_tasks": True},
    HostPass.PREMATURE: {"ignore_in_retry_period": True, "ignore_in_reschedule_period": True},
}


def key_of(task_instance: Any) -> Key:
    """(task_id, map_index) of the host's object."""
    return task_instance.task_id, task_instance.map_index


@dataclass(frozen=True, slots=True)
class Spared:
    """The answer of the kernel. blocked: rows without a decision. read: the finished rows that the others read."""

    blocked: Collection[Key]
    read: Collection[Key]


class StoredRun(ABC):
    """A run in the host's database, in a transaction that is never committed.

    session: the host's. spec: what was stored. dag: the host's DAG. dag_run: the host's, once loaded.
    """

    host_name: HostName
    host: HostRules

    def __init__(self, session: Any, seed: int, spec: RunSpec | None = None) -> None:
        """Stores `spec`, or else a random run; `seed` decides that and what is left open."""
        self.session = session
        self.random = Random(seed)
        self.spec = random_run(self.random) if spec is None else spec
        self.dag_id = f"dag_{seed}"
        self.document = document_of(self.spec.tasks, self.host_name, self.dag_id)
        self.dag_run: Any = None
        self.dag = self.store()
        session.flush()

    @abstractmethod
    def store(self) -> Any:
        """Writes everything; returns the host's DAG."""

    @abstractmethod
    def load(self) -> list[Any]:
        """The known task instances as `task_instance_scheduling_decisions` has them; sets `dag_run`."""

    @abstractmethod
    def core_rows(self) -> list[Any]:
        """(task_id, map_index, state) of all of them."""

    @abstractmethod
    def skip_decisions(self) -> set[str]:
        """The ids of the tasks with an XCom `skipmixin_key` in this run."""

    @abstractmethod
    def dep_context(self, finished: list[Any], **options: bool) -> Any:
        """A `DepContext` with `flag_upstream_failed`."""

    def spared(self, host_pass: HostPass, *, with_decisions: bool = True) -> Spared:
        """The answer of the kernel about the rows in the database."""
        encoded = encode_dag(self.document)
        dag = decode_dag(encoded.hot, encoded.cold)
        rows = SlimTaskInstances.from_rows(dag, self.core_rows())
        proof = BlockedProof(dag, self.host)
        counts = UpstreamCounts(proof)
        counts.update(rows, self.skip_decisions() if with_decisions else None)
        read = finished_rows_read(proof, rows, counts.ask_host(host_pass))
        return Spared(
            blocked={rows[row][:2] for row in counts.blocked(host_pass)},
            read={rows[row][:2] for row in (range(len(rows)) if read is None else read)},
        )

    def decide(self, host_pass: HostPass, spared: Spared | None) -> tuple[Any, Mapping[Any, int]]:
        """The host's answer for a whole pass, with some task instances omitted or none, and all rows after it."""
        with savepoint(self.session):
            found = self.load()
            finished = [ti for ti in found if ti.state in FINISHED]
            asked = [ti for ti in found if ti.state in _LOOKED_AT[host_pass]]
            if spared is not None:
                finished = [ti for ti in finished if key_of(ti) in spared.read]
                asked = [ti for ti in asked if key_of(ti) not in spared.blocked]
            if host_pass is HostPass.READY:
                ready, *flags = self.dag_run._get_ready_tis(asked, finished, session=self.session)
                answer: Any = [key_of(ti) for ti in ready], *map(bool, flags)
            else:
                answer = self.dag_run._are_premature_tis(asked, finished, session=self.session)
            self.session.flush()
            return answer, Counter(tuple(row) for row in self.core_rows())


@contextmanager
def savepoint(session: Any) -> Iterator[None]:
    """Undoes in the end what was done inside."""
    nested = session.begin_nested()
    try:
        yield
    finally:
        nested.rollback()
        session.expunge_all()


def assert_spares_nothing_that_matters(run: StoredRun) -> Counter[str]:
    """Asks the host about every task instance by itself, then for whole passes with and without the blocked.

    Returns how many unmet and unchanged task instances were proven blocked and how many were missed.
    """
    counted = _ask_about_each(run, HostPass.READY, with_decisions=True)
    _ask_about_each(run, HostPass.READY, with_decisions=False)
    _ask_about_each(run, HostPass.PREMATURE, with_decisions=True)
    for host_pass in HostPass:
        spared = run.spared(host_pass)
        everything = run.decide(host_pass, None)
        assert run.decide(host_pass, spared) == everything, f"{run.dag_id}: decided otherwise with {spared}"
    return counted


def assert_asks_about_what_moves(run: StoredRun, moving: MovingRun) -> None:
    """The kernel leaves it to the host, and rightly: without it the host would have decided otherwise."""
    spared = run.spared(moving.host_pass)
    key = moving.task_id, -1
    assert key not in spared.blocked
    everything = run.decide(moving.host_pass, None)
    assert run.decide(moving.host_pass, spared) == everything
    one_too_many = Spared({*spared.blocked, key}, spared.read)
    assert run.decide(moving.host_pass, one_too_many) != everything


def _ask_about_each(run: StoredRun, host_pass: HostPass, *, with_decisions: bool) -> Counter[str]:
    blocked = run.spared(host_pass, with_decisions=with_decisions).blocked
    counted: Counter[str] = Counter()
    with savepoint(run.session):
        found = run.load()
        context = run.dep_context([ti for ti in found if ti.state in FINISHED], **_CONTEXTS[host_pass])
        states = {key_of(ti): ti.state for ti in found}
        asked = [ti for ti in found if ti.state in _LOOKED_AT[host_pass]]
        assert set(blocked) <= {key_of(ti) for ti in asked}
        for ti in sorted(asked, key=lambda ti: key_of(ti) not in blocked):
            is_met = ti.are_dependencies_met(dep_context=context, session=run.session)
            if key_of(ti) in blocked:
                assert not is_met, f"{run.dag_id}: {ti} is called blocked and is met"
                changed = [other for other in found if other.state != states[key_of(other)]]
                assert not changed, f"{run.dag_id}: {ti} is called blocked and changes {changed}"
                assert not context.have_changed_ti_states, f"{run.dag_id}: {ti} is called blocked and changes"
                counted["blocked"] += 1
            elif is_met or ti.state != states[key_of(ti)]:
                counted["met or changed"] += 1
            else:
                counted["missed"] += 1
    return counted
