"""DAG files of independent tasks, written from a short description so that a test can edit them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

_TEMPLATE = '''\
"""Written by a test."""
import datetime

from airflow.providers.standard.operators.{kind} import {operator}
from airflow.sdk import {names}

with DAG(
    {dag_id!r},
    start_date=datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc),
    schedule={schedule},
    catchup=False,
    is_paused_upon_creation=False,
    **{dag_options!r},
):
    for task_id in {tasks!r}:
        {operator}(task_id=task_id, **{task_options!r})
'''


@dataclass(frozen=True, slots=True)
class DagContent:
    """The content of one version of a DAG file: independent tasks that share their options.

    Attributes:
        tasks: task ids, in file order.
        command: what each task runs in Bash, None for tasks that the scheduler ends without running them.
            Changing it changes the content, but not the set of tasks.
        schedule: a name, a cron expression, or seconds between runs.
        asset: the name of one whose partitions create runs, instead of a schedule.
    """

    dag_id: str
    tasks: tuple[str, ...]
    command: str | None = "true"
    schedule: str | float | None = None
    asset: str | None = None
    task_options: Mapping[str, object] = field(default_factory=dict)
    dag_options: Mapping[str, object] = field(default_factory=dict)

    def edited(self, *, tasks: tuple[str, ...] | None = None, command: str | None = None) -> DagContent:
        """The next content of the same file."""
        return replace(
            self,
            tasks=self.tasks if tasks is None else tasks,
            command=self.command if command is None else command,
        )

    def source(self) -> str:
        """The Python text of the DAG file."""
        command = {} if self.command is None else {"bash_command": self.command}
        seconds = f"datetime.timedelta(seconds={self.schedule})"
        schedule = seconds if isinstance(self.schedule, int | float) else repr(self.schedule)
        return _TEMPLATE.format(
            dag_id=self.dag_id,
            kind="empty" if self.command is None else "bash",
            names="DAG" if self.asset is None else "DAG, Asset, PartitionedAssetTimetable",
            operator="EmptyOperator" if self.command is None else "BashOperator",
            schedule=schedule
            if self.asset is None
            else f"PartitionedAssetTimetable(assets=Asset({self.asset!r}))",
            tasks=self.tasks,
            task_options={**command, **self.task_options},
            dag_options=dict(self.dag_options),
        )

    def save(self, folder: Path) -> Path:
        """Write the file into ``folder`` in one step, so that no parser sees half of it; returns its path."""
        path = folder / f"{self.dag_id}.py"
        # No .py suffix until it is complete: a real processor lists the folder at any time.
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(self.source())
        unfinished.replace(path)
        return path
