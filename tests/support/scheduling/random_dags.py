"""DAGs of every kind that a scheduler treats differently, built with the host's own classes from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.support.scheduling.script import BRANCH, MAPPED, SENSOR

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
RULES = (
    *("all_success",) * 12,
    "all_done",
    "all_failed",
    "all_skipped",
    "one_success",
    "one_failed",
    "one_done",
    "none_failed",
    "none_skipped",
    "none_failed_min_one_success",
    "all_done_min_one_success",
    "always",
)


@dataclass(frozen=True, slots=True)
class Traits:
    """The kinds of tasks that a random DAG may have.

    trigger_rules: all but `all_success`. mapping: tasks and groups that expand, over literals and over what other
    tasks return. late_starts: some begin after the runs, which have no instance of them, or have ended before; what is
    below waits for ever.
    weight_rules: names and strategies that a task may have.
    """

    trigger_rules: bool = True
    mapping: bool = True
    branches: bool = True
    sensors: bool = True
    setups: bool = True
    past: bool = True
    late_starts: bool = True
    weight_rules: tuple[Any, ...] = ("downstream", "upstream", "absolute")
    retries: int = 2


ANYTHING = Traits()


@dataclass(frozen=True, slots=True)
class Classes:
    """The host's names for the parts of a DAG.

    rules: its trigger rules; one that is named twice is drawn as often.
    """

    dag: Any
    task_group: Any
    mapped_task_group: Any
    bash: Any
    empty: Any
    branch: Any
    sensor: Any
    rules: tuple[str, ...] = RULES

    def random_dag(
        self, seed: int, n_tasks: int, traits: Traits = ANYTHING, dag_id: str = "", **dag_options: Any
    ) -> Any:
        """A DAG of about `n_tasks` tasks. Names tell what a task is; the same seed gives the same DAG."""
        return _Author(self, seed, n_tasks, traits, dag_id or f"random_{seed}", dag_options).dag


class _Author:
    """Writes one DAG, task by task, each below some of those before."""

    def __init__(
        self, host: Classes, seed: int, n_tasks: int, traits: Traits, dag_id: str, options: dict[str, Any]
    ) -> None:
        self.host = host
        self.random = random.Random(seed)
        self.traits = traits
        self.n_tasks = n_tasks
        self.written: list[Any] = []
        options = {"schedule": None, "catchup": False, "on_failure_callback": _called, **options}
        with host.dag(dag_id, start_date=START, max_active_tasks=10_000, **options) as self.dag:
            while len(self.written) < n_tasks:
                self._write_some()
            if traits.setups and self.random.random() < 0.4:
                self._write_setup()

    def _write_some(self) -> None:
        draw = self.random.random()
        if draw < 0.06 and self.n_tasks - len(self.written) > 3:
            with self.host.task_group(f"group_{len(self.written)}"):
                for _ in range(3):
                    self._write_task()
        elif draw < 0.09 and self.traits.mapping:
            self._write_mapped_group()
        else:
            self._write_task()

    def _write_task(self) -> None:
        number, draw = len(self.written), self.random.random()
        options = self._options()
        if draw < 0.06 and self.traits.mapping:
            operator = self._mapped(f"{MAPPED}_{number}", options)
        elif draw < 0.11 and self.traits.branches:
            operator = self.host.branch(task_id=f"{BRANCH}_{number}", python_callable=_called, **options)
        elif draw < 0.15 and self.traits.sensors:
            operator = self.host.sensor(
                task_id=f"{SENSOR}_{number}",
                bash_command="true",
                mode="reschedule",
                poke_interval=0,
                **options,
            )
        elif draw < 0.25:
            operator = self.host.empty(task_id=f"empty_{number}", **options)
        else:
            operator = self.host.bash(task_id=f"bash_{number}", bash_command="true", **options)
        self._put_below(operator)
        self.written.append(operator)

    def _mapped(self, task_id: str, options: dict[str, Any]) -> Any:
        if not isinstance(options["weight_rule"], str):
            # The host stores what the strategy looks like in Python, and fails each run of the DAG.
            del options["weight_rule"]
        partial = self.host.bash.partial(task_id=task_id, **options)
        return partial.expand(bash_command=self._values())

    def _values(self) -> Any:
        """Literals, or what an unmapped task returns."""
        sources = [task for task in self.written if type(task) is self.host.bash and task.task_group.is_root]
        if sources and self.random.random() < 0.5:
            return self.random.choice(sources).output
        return ["true"] * self.random.choice((1, 2, 5))

    def _write_mapped_group(self) -> None:
        number = len(self.written)

        def body(value: Any) -> None:
            first, second = (
                self.host.bash(task_id=f"{name}_{number}", bash_command="true", **self._options(inside=True))
                for name in ("in", "out")
            )
            first >> second
            inside.extend((first, second))

        inside: list[Any] = []
        self.host.mapped_task_group(group_id=f"each_{number}")(body).expand(value=self._values())
        self._put_below(inside[0])
        self.written.extend(inside)

    def _write_setup(self) -> None:
        below = self.random.sample(self.written, min(3, len(self.written)))
        plain = [task for task in below if type(task) is self.host.bash and task.task_group.is_root]
        if plain:
            setup = self.host.bash(task_id="set_up", bash_command="true").as_setup()
            tear = self.host.bash(task_id="tear_down", bash_command="true").as_teardown(setups=setup)
            setup >> plain >> tear

    def _put_below(self, operator: Any) -> None:
        # Mostly those written last, so that a DAG has depth.
        width = max(8, self.n_tasks // 12)
        recent = self.written[-width:] if self.random.random() < 0.8 else self.written
        for upstream in self.random.sample(recent, min(len(recent), self.random.choice((0, 1, 1, 2, 3)))):
            if not _is_inside_mapped_group(upstream):
                upstream >> operator

    def _options(self, *, inside: bool = False) -> dict[str, Any]:
        """inside: of a mapped group, where the SDK does not allow every trigger rule."""
        draw = self.random
        options: dict[str, Any] = {
            "retries": draw.choice((0, 0, self.traits.retries)),
            "retry_delay": timedelta(0),
            "priority_weight": draw.choice((1, 1, 2, 7)),
            "weight_rule": draw.choice(self.traits.weight_rules),
        }
        if self.traits.trigger_rules:
            rule = draw.choice(self.host.rules)
            options["trigger_rule"] = "all_done" if inside and rule == "always" else rule
        if self.traits.past and draw.random() < 0.08:
            options["depends_on_past"] = True
            options["wait_for_downstream"] = draw.random() < 0.3
        if draw.random() < 0.1:
            options["pool"], options["pool_slots"] = "other_pool", 2
        if draw.random() < 0.1:
            options["queue"] = "other_queue"
        if draw.random() < 0.1:
            options["executor_config"] = {"any": [1, {"thing": "x"}]}
        if draw.random() < 0.05:
            days = draw.choice((-1, 400))
            options["start_date"] = START + timedelta(days=days if self.traits.late_starts else -1)
        if draw.random() < 0.05:
            days = draw.choice((0, 400))
            options["end_date"] = START + timedelta(days=days if self.traits.late_starts else 400)
        if draw.random() < 0.05:
            options["task_display_name"] = "shown as this"
        if draw.random() < 0.05:
            options["run_as_user"] = "somebody"
        if draw.random() < 0.05:
            options["max_active_tis_per_dag"] = 2
        if draw.random() < 0.05:
            options["on_failure_callback"] = _called
        return options


def _is_inside_mapped_group(task: Any) -> bool:
    group: Any = task.get_closest_mapped_task_group()
    return group is not None


def _called(*args: Any, **kwargs: Any) -> None:
    """The function of all tasks and callbacks; it never runs."""
