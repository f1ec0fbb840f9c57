"""Random DAGs with running runs in a metadata database, and what happens to them between two loops.

This class has the part that is the same on every host; the subclass for a host writes the rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any, ClassVar

from sched_cache_airflow.certification.dag_document import HostName, TaskSpec, document_of
from sched_cache_airflow.certification.random_run import ACTIVE, FINISHED, random_run
from sched_cache_airflow.certification.strata import Circumstance, Stratum

_ENDS = ("success",) * 8 + ("failed", "failed", "skipped", "up_for_retry", "up_for_reschedule", "deferred")

CALLBACKS = ("has_on_success_callback", "has_on_failure_callback")
"""The fields of a document of which the presence says that there is a callback."""

Rows = Mapping[tuple[str, int], str | None]


class DecidedDag(ABC):
    """One DAG and its runs. All choices come from `random`.

    stratum: makes the DAG and its running run; None if they are any. dag: the host's object of what was written last.
    calls_back_unstarted: whether the host can request a callback of a run without a start date; else such a DAG has no
    callbacks.
    """

    host_name: ClassVar[HostName]
    calls_back_unstarted: ClassVar[bool] = True

    def __init__(self, session: Any, random: Random, dag_id: str, stratum: Stratum | None = None) -> None:
        self.session = session
        self.random = random
        self.dag_id = dag_id
        # Not that of the module: retry delays would end in the middle of a comparison.
        self.now = datetime.now(timezone.utc)
        self.circumstances: frozenset[Circumstance] = frozenset()
        if stratum is None:
            self.spec = random_run(random, max_tasks=random.choice((4, 10, 20)))
            self.tasks = [with_further_fields(random, task) for task in self.spec.tasks]
            self._dag_fields = dag_fields(random)
        else:
            case = stratum(random)
            self.spec, self.tasks = case.spec, case.spec.tasks
            self._dag_fields = {**case.dag_fields}
            self.circumstances = case.circumstances
        if Circumstance.NEVER_STARTED in self.circumstances and not self.calls_back_unstarted:
            for name in CALLBACKS:
                self._dag_fields.pop(name, None)
        self.dag: Any = None
        self.add_model()
        session.flush()
        self._write()
        self.run_ids: list[str] = []
        if random.random() < 0.6:
            state = random.choice(("success", "failed", "running"))
            has_rows = Circumstance.WITHOUT_ROWS not in self.circumstances
            self._add_run("before", 1, self.spec.previous_rows(random) if has_rows else {}, state)
        self._add_run("run", 0, self.spec.rows, "running")
        if random.random() < 0.3 or Circumstance.BESIDE_ANOTHER in self.circumstances:
            self._add_run("after", -1, {(task.task_id, -1): None for task in self.tasks}, "running")
        self._leave_values("run", self.spec.rows)
        for (task_id, map_index), decision in self.spec.decisions.items():
            self._add_xcom("run", "skipmixin_key", decision, task_id, map_index)
        session.flush()
        if self.circumstances:
            self.arrange()
            session.flush()

    # To be defined by the subclass for a host

    @abstractmethod
    def add_model(self) -> None:
        """Adds the row of the DAG, not paused."""

    @abstractmethod
    def circumstantial_fields(self) -> dict[str, Any]:
        """The fields of the document that bring about the circumstances."""

    @abstractmethod
    def write_document(self, document: dict[str, Any]) -> Any:
        """Stores what a DAG processor stores; the host's DAG."""

    @abstractmethod
    def add_run(self, run_id: str, date: datetime, run_type: str, state: str) -> None:
        """Adds and flushes the row of a run."""

    @abstractmethod
    def arrange(self) -> None:
        """Brings about the other circumstances, of the run with the id "run"."""

    @abstractmethod
    def task_instance(self, task: Any, run_id: str, state: str | None, map_index: int) -> Any:
        """An object of the host, not added yet."""

    @abstractmethod
    def reference(self, ti: Any) -> Any:
        """The reference by which `add_reschedule` and `set_state` find a flushed task instance."""

    @abstractmethod
    def rows(self) -> Sequence[Any]:
        """(reference, run_id, task_id, map_index, state) of the task instances of `run_ids`, in the order of the
        three in the middle."""

    @abstractmethod
    def add_reschedule(self, reference: Any, due: datetime) -> None:
        """Adds the request of a sensor."""

    @abstractmethod
    def set_state(self, reference: Any, state: str | None, end_date: datetime | None) -> None:
        """Updates the row."""

    @abstractmethod
    def set_length(self, where: Mapping[str, Any], length: int) -> None:
        """Notes the length of the value that a task instance has left."""

    @abstractmethod
    def set_xcom(self, key: str, value: Any, where: Mapping[str, Any]) -> None:
        """Leaves a value."""

    # Storing DAGs and runs

    def _write(self) -> None:
        document = document_of(self.tasks, self.host_name, self.dag_id)
        # The host stores the source, too: any file that exists will do.
        document["dag"] |= {**self._dag_fields, **self.circumstantial_fields(), "fileloc": __file__}
        self.dag = self.write_document(document)

    def _add_run(self, run_id: str, days_ago: int, rows: Rows, state: str) -> None:
        date = self.now - timedelta(days=days_ago + 2)
        self.add_run(run_id, date, self.random.choice(("scheduled", "scheduled", "manual")), state)
        any_task = next(iter(self.dag.task_dict.values()))
        for (task_id, map_index), ti_state in rows.items():
            task = self.dag.task_dict.get(task_id, any_task)
            ti = self.task_instance(task, run_id, ti_state, map_index)
            ti.task_id = task_id
            ti.try_number = 1
            ti.start_date = ti.end_date = self.now - timedelta(seconds=self.random.choice((1, 10_000)))
            self.session.add(ti)
            if ti_state == "up_for_reschedule":
                self.session.flush()
                self._reschedule(self.reference(ti))
        self.session.flush()
        if state == "running":
            self.run_ids.append(run_id)

    def _reschedule(self, reference: Any) -> None:
        self.add_reschedule(reference, self.now + timedelta(hours=self.random.choice((-1, 1))))

    def _leave_values(self, run_id: str, rows: Rows) -> None:
        for (task_id, map_index), state in rows.items():
            if state == "success":
                self._leave_value(run_id, task_id, map_index)

    def _leave_value(self, run_id: str, task_id: str, map_index: int) -> None:
        if task_id not in self.spec.lengths or self.was_never_expanded(task_id, map_index):
            return
        length = self.spec.lengths[task_id]
        self.set_length(self._where(run_id, task_id, map_index), length)
        self._add_xcom(run_id, "return_value", ["value"] * length, task_id, map_index)

    def _where(self, run_id: str, task_id: str, map_index: int) -> dict[str, Any]:
        return {"dag_id": self.dag_id, "task_id": task_id, "run_id": run_id, "map_index": map_index}

    def was_never_expanded(self, task_id: str, map_index: int) -> bool:
        """Whether it has never run, whatever its state: the host cannot expand what has left values."""
        task = next((task for task in self.tasks if task.task_id == task_id), None)
        is_mapped = task is not None and (task.over is not None or task.group is not None)
        return is_mapped and map_index < 0

    def _add_xcom(self, run_id: str, key: str, value: Any, task_id: str, map_index: int) -> None:
        if not self.was_never_expanded(task_id, map_index):
            self.set_xcom(key, value, self._where(run_id, task_id, map_index))

    # Changes between two loops

    def move_on(self) -> None:
        """Workers end some tasks; sometimes a user clears or sets one; sometimes the DAG is edited."""
        random = self.random
        pace = random.choice((0.3, 0.7, 1.0))
        for reference, run_id, task_id, map_index, state in self.rows():
            if state in ACTIVE and random.random() < pace:
                self.end(reference, run_id, task_id, map_index, random.choice(_ENDS))
            elif state in ("up_for_retry", "up_for_reschedule") and random.random() < 0.5:
                self._set(reference, state, ended=self.now - timedelta(days=1))
            elif random.random() < 0.01:
                self._set(reference, random.choice((None, *ACTIVE, *FINISHED)))
        if random.random() < 0.08:
            self._edit()
        self.session.flush()

    def end(self, reference: Any, run_id: str, task_id: str, map_index: int, state: str) -> None:
        """A worker ends the task instance."""
        self._set(reference, state)
        if state == "up_for_reschedule":
            self._reschedule(reference)
        if state != "success":
            return
        self._leave_value(run_id, task_id, map_index)
        task = next((task for task in self.tasks if task.task_id == task_id), None)
        if task is not None and task.fields.get("_can_skip_downstream"):
            chosen = [child for child in task.downstream if self.random.random() < 0.5]
            decision = {self.random.choice(("followed", "skipped")): chosen}
            self._add_xcom(run_id, "skipmixin_key", decision, task_id, map_index)

    def _set(self, reference: Any, state: str | None, ended: datetime | None = None) -> None:
        has_ended = state in (*FINISHED, "up_for_retry")
        self.set_state(reference, state, (ended or self.now) if has_ended else None)

    def _edit(self) -> None:
        """Takes the last task away that no other is expanded over, or adds one below a task that is there."""
        random = self.random
        if len(self.tasks) > 3 and random.random() < 0.5:
            needed = [task.over for task in self.tasks] + [
                task.group.over for task in self.tasks if task.group
            ]
            gone = [task.task_id for task in self.tasks if task.task_id not in needed][-1]
            self.tasks = [
                replace(task, downstream=[child for child in task.downstream if child != gone])
                for task in self.tasks
                if task.task_id != gone
            ]
        else:
            name = f"added{len(self.tasks)}"
            parent = random.choice([task for task in self.tasks if task.group is None] or self.tasks)
            self.tasks = [
                replace(task, downstream=[*task.downstream, name]) if task is parent else task
                for task in self.tasks
            ]
            self.tasks.append(TaskSpec(name, (), None, None, {"trigger_rule": "all_done"}))
        self._write()


def with_further_fields(random: Random, task: TaskSpec) -> TaskSpec:
    """The task with limits, retries and other fields that a loop goes by."""
    fields = dict(task.fields)
    if fields.get("depends_on_past") and random.random() < 0.5:
        fields["wait_for_downstream"] = True
    if random.random() < 0.03:
        fields["max_active_tis_per_dag"] = 2
    if random.random() < 0.03:
        fields["max_active_tis_per_dagrun"] = 1
    if random.random() < 0.1 and task.over is None:
        fields["_is_empty"] = True
    if fields.get("is_teardown") and random.random() < 0.3:
        fields["on_failure_fail_dagrun"] = True
    if random.random() < 0.2:
        fields["retries"] = 2
    return replace(task, fields=fields)


def dag_fields(random: Random) -> dict[str, Any]:
    """Fields of a DAG that a loop goes by."""
    fields: dict[str, Any] = {"catchup": random.random() < 0.3}
    if random.random() < 0.5:
        fields["has_on_success_callback"] = True
    if random.random() < 0.5:
        fields["has_on_failure_callback"] = True
    if random.random() < 0.2:
        fields["max_consecutive_failed_dag_runs"] = random.choice((1, 2))
    return fields


def differences(stock: Sequence[Mapping[str, Any]], plugin: Sequence[Mapping[str, Any]]) -> list[str]:
    """The differences, row by row; empty if there are none."""
    if len(stock) != len(plugin):
        return [f"{len(stock)} rows, {len(plugin)} with the plugin"]
    found = []
    for left, right in zip(stock, plugin, strict=True):
        changed = {name: (left[name], right[name]) for name in left if left[name] != right[name]}
        if changed:
            key = [left.get(name) for name in ("dag_id", "run_id", "task_id", "map_index")]
            found.append(f"{key}: {changed}")
    return found


def plain_row(row: Mapping[str, Any], noise: frozenset[str]) -> dict[str, Any]:
    """The row without columns of `noise`; of dates only whether there is one."""
    return {
        name: value is not None if isinstance(value, datetime) else value
        for name, value in row.items()
        if name not in noise
    }
