"""Strata of the random cases: each leads the host into code that any random DAG rarely reaches.

A case has the stratum `seed % len(STRATA)`, so that as many cases as there are strata have each of them once. `None` is
any random DAG with any random run. The others put one concern into a small DAG, with rows that decide about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from random import Random
from typing import Any, Final

from sched_cache_airflow.certification.corners import corners
from sched_cache_airflow.certification.dag_document import GroupSpec, TaskSpec
from sched_cache_airflow.certification.random_run import FINISHED, RULES, WAITING, RunSpec

Rows = dict[tuple[str, int], str | None]


class Circumstance(Enum):
    """A fact about the runs of a DAG that its document and its task instances do not have."""

    FUTURE = "its logical date is later than today"
    FORGOTTEN = "the stored DAG was deleted"
    UNDECODABLE = "the stored DAG cannot be read"
    BACKFILL = "it is the first run of a backfill"
    CLEARED = "it was cleared"
    NEVER_STARTED = "neither it nor a task instance has a start date"
    WITHOUT_ROWS = "no run before it has task instances"
    DEADLINE = "the DAG has a deadline"
    UNSCHEDULED = "the DAG has no schedule"
    OF_A_TEAM = "the DAG belongs to a team"
    BESIDE_ANOTHER = "a later run of the DAG is running, too"


@dataclass(frozen=True, slots=True)
class Case:
    """A DAG with its running run, as a stratum has chosen it. dag_fields: further fields of the document."""

    spec: RunSpec
    dag_fields: Mapping[str, Any] = field(default_factory=dict)
    circumstances: frozenset[Circumstance] = frozenset()


Stratum = Callable[[Random], Case]

_STATES: Final = (*FINISHED, "running", None)
_CALLBACKS: Final = {"has_on_success_callback": True, "has_on_failure_callback": True}


def rules(random: Random) -> Case:
    """Every trigger rule, above it few states at a time: from all alike to one that is not finished."""
    above = [(f"above{number:02}", state) for number, state in enumerate((*_STATES, *_STATES, *_STATES))]
    tasks = [
        TaskSpec(name, fields={"is_setup": True} if number < 7 else {})
        for number, (name, _) in enumerate(above)
    ]
    rows: Rows = {(name, -1): state for name, state in above}
    has_setups = random.random() < 0.3
    if not has_setups:
        tasks = [replace(task, fields={}) for task in tasks]
    edges: list[tuple[str, str]] = []
    waits = [(rule, (state, None)) for rule in RULES for state in FINISHED]
    others = [(rule, random.sample(_STATES, random.choice((1, 1, 2, 3)))) for rule in (*RULES, *RULES)]
    for number, (rule, palette) in enumerate((*waits, *others)):
        name = f"below{random.randrange(1000):03}_{number}"
        fit = [one for one, state in above if state in palette]
        edges += [(one, name) for one in random.sample(fit, random.randint(2, min(4, len(fit))))]
        tasks.append(TaskSpec(name, fields={"trigger_rule": rule}))
        rows[name, -1] = random.choice(WAITING)
    random.shuffle(tasks)
    return Case(RunSpec(_connected(tasks, edges), rows))


def ended(random: Random) -> Case:
    """A run that ends in this loop, or that one task keeps from ending; sometimes of teardowns alone.

    Sometimes the only rows are of a mapped task that waits, and of the one above it.
    """
    names = [f"t{number}" for number in range(random.randint(2, 5))]
    tasks, rows = [], Rows()
    of_teardowns = random.random() < 0.2
    for name in names:
        fields: dict[str, Any] = {"is_teardown": True} if of_teardowns or random.random() < 0.2 else {}
        if fields and not of_teardowns and random.random() < 0.3:
            fields["on_failure_fail_dagrun"] = True
        rule = random.choice(("all_done", "all_success"))
        tasks.append(TaskSpec(name, fields={**fields, "trigger_rule": rule}))
        rows[name, -1] = random.choice(("success", "success", "failed", "skipped", "removed"))
    if random.random() < 0.4:
        rows[random.choice(names), -1] = random.choice(
            ("running", "deferred", "queued", "queued", "up_for_retry")
        )
    elif random.random() < 0.2:
        rows = {(names[-1], -1): None}  # the one above it, for which it waits, has none
    elif random.random() < 0.35:
        tasks[-1] = replace(tasks[-1], over=["value"] * 2)
        rows = {(names[0], -1): "running", (names[-1], 0): None, (names[-1], 1): None}
    edges = [(names[0], name) for name in names[1:] if random.random() < 0.8]
    chances = (
        Circumstance.DEADLINE,
        Circumstance.CLEARED,
        Circumstance.NEVER_STARTED,
        Circumstance.UNSCHEDULED,
    )
    fields = {**_CALLBACKS, "max_consecutive_failed_dag_runs": random.choice((0, 0, 1, 2))}
    return Case(RunSpec(_connected(tasks, edges), rows), fields, _some(random, chances, 0.3))


def setups(random: Random) -> Case:
    """Setups, tasks in their scope, and teardowns, which wait for the tasks in between."""
    over = random.choice((None, None, ["value"] * 2, "setup0"))
    group = GroupSpec("group", ["value"] * 2) if random.random() < 0.4 else None
    prefix = "group." if group else ""
    rule = random.choice(("all_success", "all_done", random.choice(RULES)))
    tasks = [
        *(TaskSpec(f"setup{number}", fields={"is_setup": True}) for number in range(2)),
        TaskSpec("mapped_setup", over=["value"] * 3, fields={"is_setup": True}),
        TaskSpec(f"{prefix}first", group=group, fields={"trigger_rule": rule}),
        TaskSpec(f"{prefix}second", group=group, fields={"trigger_rule": rule}),
        TaskSpec("third", over=over),
        TaskSpec("last", fields={"trigger_rule": rule}),
        *(
            TaskSpec(name, fields={"is_teardown": True, "trigger_rule": "all_done_setup_success"})
            for name in ("teardown0", "teardown1")
        ),
    ]
    edges = [
        *(("setup0", f"{prefix}first"), (f"{prefix}first", f"{prefix}second"), (f"{prefix}second", "third")),
        *(("third", "last"), ("last", "teardown0"), ("setup0", "teardown0")),
        *(("setup1", "last"), ("setup1", "teardown1"), ("last", "teardown1")),
        ("mapped_setup", random.choice((f"{prefix}first", "third"))),
    ]
    if random.random() < 0.5:
        edges.append((f"{prefix}first", "teardown1"))
    rows: Rows = {}
    is_empty = random.random() < 0.15
    for task in tasks:
        is_setup = bool(task.fields.get("is_setup"))
        states: tuple[str | None, ...] = ("success", *FINISHED, None, None)
        if is_setup:
            states = ("success", "success", "success", "removed", *FINISHED)
        elif task.task_id == "last":
            states = ("success", "failed", None)
        elif task.fields.get("is_teardown"):
            states = (None,)
        elif is_empty or (task.task_id == "third" and random.random() < 0.15):
            continue
        for map_index in _indices(random, task):
            rows[task.task_id, map_index] = (
                None if map_index < 0 and _is_mapped(task) else random.choice(states)
            )
    return Case(RunSpec(_connected(tasks, edges), rows, lengths={"setup0": 2}))


def mapped(random: Random) -> Case:
    """Mapped tasks and groups that are, or are not, expanded to the length of today's value."""
    group = GroupSpec("group", random.choice(("source", "source", ["value"] * random.randint(1, 3))))
    tasks = [
        TaskSpec("source"),
        TaskSpec("beside"),
        TaskSpec(
            "one",
            over=random.choice(("source", ["value"] * random.randint(1, 3))),
            fields={"trigger_rule": random.choice(("all_success", "always", random.choice(RULES)))},
        ),
        TaskSpec("two", over=random.choice(("source", "one"))),
        TaskSpec("group.a", group=group),
        TaskSpec("group.b", group=group, fields={"trigger_rule": random.choice(RULES)}),
        TaskSpec(
            "group.c",
            group=group,
            over=random.choice((None, None, ["value"] * 2, "source")),
            fields={"trigger_rule": random.choice(("all_success", "one_success", "one_failed", "one_done"))},
        ),
        TaskSpec("group.d", group=group, fields={"trigger_rule": random.choice(("all_done", "all_success"))}),
        TaskSpec("end", fields={"trigger_rule": random.choice(("all_success", "all_done", "none_failed"))}),
    ]
    edges = [("source", "one"), ("source", "two"), ("source", "group.a"), ("one", "two"), ("beside", "one")]
    edges += [("group.a", "group.b"), ("group.b", "group.c"), ("group.c", "group.d"), ("group.d", "end")]
    edges += [("two", "end")]
    edges += [edge for edge in (("beside", "group.b"), ("one", "group.b")) if random.random() < 0.5]
    rows: Rows = {
        ("source", -1): random.choice(("success",) * 5 + FINISHED + ("running", "running")),
        ("beside", -1): random.choice(("success",) * 4 + FINISHED),
    }
    for task in tasks[2:]:
        for map_index in _indices(random, task):
            finished = ("success", "success", "removed", "failed", "skipped")
            is_new = map_index < 0 or random.random() < 0.5
            rows[task.task_id, map_index] = None if is_new else random.choice(finished)
    spec = RunSpec(_connected(tasks, edges), rows, lengths={"source": random.randint(0, 3)})
    return Case(spec, circumstances=_some(random, [Circumstance.FORGOTTEN], 0.05))


def past(random: Random) -> Case:
    """Tasks that depend on the run before, which has, or has not, ended as they need it."""
    tasks, rows = [], Rows()
    names = [f"t{number}" for number in range(6)]
    decision = {random.choice(("followed", "skipped")): random.choice(([], ["t2"], ["t2", "t3"]))}
    for number, name in enumerate(names):
        fields: dict[str, Any] = {"depends_on_past": True}
        if random.random() < 0.5:
            fields["ignore_first_depends_on_past"] = random.random() < 0.7
        if random.random() < 0.3:
            fields["wait_for_downstream"] = True
        if random.random() < 0.3:
            fields["start_date"] = _TOMORROW
        if number < 2:
            fields["_can_skip_downstream"] = True
        tasks.append(TaskSpec(name, fields=fields))
        rows[name, -1] = random.choice(("success", "success", None)) if number < 2 else None
    rows["of_another_version", -1] = random.choice(FINISHED)
    edges = [(names[0], names[2]), (names[1], names[3])]
    chances = (Circumstance.BACKFILL, Circumstance.WITHOUT_ROWS)
    return Case(
        RunSpec(_connected(tasks, edges), rows, {(name, -1): decision for name in names[:2]}),
        {**_CALLBACKS, "catchup": random.random() < 0.5},
        _some(random, chances, 0.4),
    )


def runs(random: Random) -> Case:
    """Runs that end by a limit of time, or that a loop leaves alone."""
    names = ["a", "b", "c"]
    rows: Rows = {(name, -1): random.choice(("success", "running", "failed", None)) for name in names}
    tasks = [TaskSpec(name, fields={"trigger_rule": random.choice(RULES)}) for name in names]
    fields: dict[str, Any] = dict(_CALLBACKS)
    chosen: frozenset[Circumstance] = frozenset()
    if random.random() < 0.4:
        fields["dagrun_timeout"] = random.choice((60.0, 86400.0 * 365))
    else:
        one = random.choice((Circumstance.FUTURE, Circumstance.FORGOTTEN, Circumstance.UNDECODABLE))
        chosen = frozenset((one,))
    return Case(RunSpec(_connected(tasks, [("a", "b"), ("b", "c")]), rows), fields, chosen)


def rare(random: Random) -> Case:
    """The situations of `corners`, with no chance in them, in a DAG of a team."""
    return Case(corners(random), circumstances=frozenset((Circumstance.OF_A_TEAM,)))


def alone(random: Random) -> Case:
    """One task, which is ready in two runs at once, and beside nothing else."""
    rule = random.choice(RULES)
    return Case(
        RunSpec([TaskSpec("t0", fields={"trigger_rule": rule})], {("t0", -1): None}),
        circumstances=frozenset((Circumstance.BESIDE_ANOTHER,)),
    )


_TOMORROW: Final = 4102444800.0
"""A day after those of every run."""

STRATA: Final[Sequence[Stratum | None]] = (rules, ended, None, mapped, setups, rare, None, past, runs, alone)
"""First those that find most mutants."""


ASKED: Final[Sequence[Stratum | None]] = (setups, mapped, past)
"""Those in which other processes ask about task instances, after the first loop."""


QUEUED: Final[Sequence[Stratum | None]] = (ended, past, runs, alone)
"""Those with few enough ready tasks that no limit chooses between them, which it would in any order."""

N_LOOPS: Final[Mapping[Stratum, int]] = {rules: 3, rare: 2, past: 4}
"""The limit of loops in a case of a large DAG, or of which the first loops are the point."""

N_DAGS: Final[Mapping[Stratum, int]] = {ended: 4, mapped: 2, setups: 2, past: 4, runs: 5}
"""The number of DAGs in a case of small ones; else 1."""


def stratum_of(seed: int) -> Stratum | None:
    """That of the case with this seed."""
    return STRATA[seed % len(STRATA)]


def _connected(tasks: Iterable[TaskSpec], edges: Sequence[tuple[str, str]]) -> list[TaskSpec]:
    return [
        replace(task, downstream=sorted({below for above, below in edges if above == task.task_id}))
        for task in tasks
    ]


def _is_mapped(task: TaskSpec) -> bool:
    return task.over is not None or task.group is not None


def _indices(random: Random, task: TaskSpec) -> Sequence[int]:
    """The map indices of its rows: not expanded, expanded, or with a row that was left over."""
    if not _is_mapped(task):
        return (-1,)
    expanded = range(random.randint(1, 4))
    return random.choice(((-1,), expanded, expanded, (-1, *expanded) if random.random() < 0.4 else expanded))


def _some(random: Random, chances: Iterable[Circumstance], share: float) -> frozenset[Circumstance]:
    return frozenset(one for one in chances if random.random() < share)
