"""Random DAGs and random states of their runs, as a scheduler may find them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sched_cache_airflow.certification.dag_document import GroupSpec, TaskSpec

RULES = (
    "all_success",
    "all_failed",
    "all_done",
    "all_done_min_one_success",
    "all_done_setup_success",
    "one_success",
    "one_failed",
    "one_done",
    "none_failed",
    "none_failed_min_one_success",
    "none_failed_or_skipped",
    "none_skipped",
    "all_skipped",
    "always",
    "dummy",
    "no_such_rule",
)
FINISHED = ("success", "failed", "skipped", "upstream_failed", "removed")
WAITING = (None, None, None, "up_for_retry", "up_for_reschedule")
ACTIVE = ("scheduled", "queued", "running", "deferred", "restarting")


@dataclass(slots=True)
class RunSpec:
    """A DAG and one run of it.

    rows: (task_id, map_index) -> state. decisions: (task_id, map_index) -> the value of its XCom
    `skipmixin_key`. lengths: task_id -> the length of the value that others are mapped over.
    """

    tasks: list[TaskSpec]
    rows: dict[tuple[str, int], str | None] = field(default_factory=dict)
    decisions: dict[tuple[str, int], Mapping[str, Sequence[str]]] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)

    def values(self) -> list[tuple[tuple[str, int], int]]:
        """(task_id, map_index) and the length of the value, for each task instance that left one."""
        return [
            (key, self.lengths[key[0]])
            for key, state in self.rows.items()
            if state == "success" and key[0] in self.lengths
        ]

    def previous_rows(self, random: Random) -> dict[tuple[str, int], str | None]:
        """Random rows of the run before."""
        states = ("success", "success", "skipped", "failed", None)
        return {(task.task_id, -1): random.choice(states) for task in self.tasks}


def random_run(random: Random, *, max_tasks: int = 20) -> RunSpec:
    """A random DAG with a random state: mostly one that scheduling leads to, sometimes any other."""
    run = RunSpec(_tasks(random, random.randint(3, max_tasks)))
    _add_rows(random, run)
    _add_decisions(random, run)
    return run


def _tasks(random: Random, n_tasks: int) -> list[TaskSpec]:
    names = [f"t{number:02}" for number in range(n_tasks)]
    random.shuffle(names)  # the host goes through them by name, which must not be the order of the graph
    uniform = random.random() < 0.3
    edge_probability = random.choice((0.1, 0.2, 0.4))
    groups = [GroupSpec(f"group{number}", "") for number in range(random.choice((0, 0, 1, 2)))]
    has_mapped, has_setups, has_branches = (random.random() < share for share in (0.4, 0.4, 0.4))
    tasks: list[TaskSpec] = []
    for number, name in enumerate(names):
        fields: dict[str, Any] = {"trigger_rule": "all_success" if uniform else random.choice(RULES)}
        group, over = None, None
        if groups and number and random.random() < 0.4:
            chosen = random.randrange(len(groups))
            if not groups[chosen].over:
                outside = [task.task_id for task in tasks if task.group is None]
                groups[chosen] = GroupSpec(groups[chosen].group_id, _over(random, outside))
            group = groups[chosen]
            name = f"{group.group_id}.{name}"
        elif has_mapped and random.random() < 0.3:
            over = _over(random, [task.task_id for task in tasks if task.group is None])
        if has_setups:
            _add_role(random, fields)
        if has_branches and random.random() < 0.3:
            fields["_can_skip_downstream"] = True
        if random.random() < 0.1:
            fields["depends_on_past"] = True
        if random.random() < 0.1:
            fields["_is_sensor"] = True
            fields["reschedule"] = True
        tasks.append(TaskSpec(name, (), group, over, fields))
    return _connected(random, tasks, edge_probability)


def _over(random: Random, candidates: Sequence[str]) -> str | Sequence[str]:
    if candidates and random.random() < 0.75:
        return random.choice(candidates)
    return ["value"] * random.randint(1, 3)


def _add_role(random: Random, fields: dict[str, Any]) -> None:
    role = random.random()
    if role < 0.2:
        fields["is_setup"] = True
    elif role < 0.4:
        fields["is_teardown"] = True
        if random.random() < 0.8:
            fields["trigger_rule"] = "all_done_setup_success"


def _connected(random: Random, tasks: Sequence[TaskSpec], probability: float) -> list[TaskSpec]:
    """The tasks with random edges from earlier to later ones, and those that mapping implies."""
    downstream: dict[str, set[str]] = {task.task_id: set() for task in tasks}
    for number, task in enumerate(tasks):
        for earlier in tasks[:number]:
            same_group = task.group is not None and task.group is earlier.group
            if random.random() < (0.5 if same_group else probability):
                downstream[earlier.task_id].add(task.task_id)
        for over in (task.over, task.group.over if task.group else None):
            if isinstance(over, str) and (task.group is None or random.random() < 0.7):
                downstream[over].add(task.task_id)
    return [
        TaskSpec(task.task_id, sorted(downstream[task.task_id]), task.group, task.over, task.fields)
        for task in tasks
    ]


def _add_rows(random: Random, run: RunSpec) -> None:
    rows = _Progress(random, run)
    for task in run.tasks:
        rows.add(task)
    rows.disturb(random.choice((0.0, 0.0, 0.1)))
    if random.random() < 0.1:
        run.rows["of_another_version", -1] = random.choice((None, "success", "removed"))


class _Progress:
    """Walks down the DAG: a task whose upstreams are done is free, and a free one may be done."""

    def __init__(self, random: Random, run: RunSpec) -> None:
        self._random = random
        self._run = run
        self._disorder = random.choice((0.0, 0.05, 0.3))
        self._failures = random.choice((0.0, 0.1, 0.4))
        self._pace = random.choice((0.5, 0.8, 0.95))
        self._is_expanded: dict[str, bool] = {}
        self._is_done: dict[tuple[str, int], bool] = {}
        self._upstream: dict[str, list[TaskSpec]] = {task.task_id: [] for task in run.tasks}
        for task in run.tasks:
            for child in task.downstream:
                self._upstream[child].append(task)

    def add(self, task: TaskSpec) -> None:
        """The rows of one task, its upstreams having theirs."""
        random = self._random
        self._run.lengths[task.task_id] = random.choice((0, 1, 2, 3, 3))
        if self._happens(0.2):
            return  # a task without a row blocks for ever
        length = self._length(task)
        if length or self._happens(0.1):
            for map_index in range(length or 1):
                self._add_row(task, map_index)
            if not self._happens(0.3):
                return
        self._add_row(task, -1)

    def _happens(self, share: float) -> bool:
        return self._random.random() < self._disorder * share

    def _length(self, task: TaskSpec) -> int:
        """How many expanded rows it has, 0 if it is not expanded."""
        over = task.over if task.over is not None else task.group.over if task.group else None
        if over is None:
            return 0
        key = task.group.group_id if task.group else task.task_id
        if key not in self._is_expanded:
            is_known = not isinstance(over, str) or self._run.rows.get((over, -1)) == "success"
            outside = [
                up for up in self._upstream[task.task_id] if up.group is None or up.group != task.group
            ]
            is_free = is_known and all(self._all_done(up.task_id) for up in outside)
            self._is_expanded[key] = is_free and self._random.random() < 0.7  # else in the coming loop
        if not self._is_expanded[key] and not self._happens(0.3):
            return 0
        return self._run.lengths[over] if isinstance(over, str) else len(over)

    def _all_done(self, task_id: str) -> bool:
        return all(done for (other, _), done in self._is_done.items() if other == task_id)

    def _add_row(self, task: TaskSpec, map_index: int) -> None:
        random = self._random
        is_free = True
        for up in self._upstream[task.task_id]:
            is_sibling = task.group is not None and up.group == task.group
            one = self._is_done.get((up.task_id, map_index)) if is_sibling else None
            is_free = is_free and (self._all_done(up.task_id) if one is None else one)
        if random.random() < self._disorder:
            is_free = not is_free
        self._is_done[task.task_id, map_index] = is_done = is_free and random.random() < self._pace
        state: str | None = random.choice(WAITING)
        if is_done:
            state = random.choice(FINISHED) if random.random() < self._failures else "success"
        elif is_free and random.random() < 0.5:
            state = random.choice(ACTIVE)
        self._put(task, map_index, state)

    def _put(self, task: TaskSpec, map_index: int, state: str | None) -> None:
        is_mapped = task.over is not None or task.group is not None
        if is_mapped and map_index < 0 and state in WAITING:
            state = None  # expanding it would copy a state that only an instance which ran once can have
        self._run.rows[task.task_id, map_index] = state

    def disturb(self, share: float) -> None:
        """The last actions of a user: states set by hand, task instances cleared."""
        tasks = {task.task_id: task for task in self._run.tasks}
        for task_id, map_index in list(self._run.rows):
            if self._random.random() < share:
                self._put(tasks[task_id], map_index, self._random.choice((None, *ACTIVE, *FINISHED)))


def _add_decisions(random: Random, run: RunSpec) -> None:
    for task in run.tasks:
        if not task.fields.get("_can_skip_downstream") and random.random() > 0.02:
            continue
        for (task_id, map_index), state in run.rows.items():
            if task_id == task.task_id and state in FINISHED and random.random() < 0.7:
                chosen = [child for child in task.downstream if random.random() < 0.5]
                run.decisions[task_id, map_index] = {random.choice(("followed", "skipped")): chosen}
