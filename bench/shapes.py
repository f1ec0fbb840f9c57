"""Shapes of DAGs without Airflow: tasks, groups and edges as an author writes them, not as they are stored.

`serialized` turns a shape into the document that Airflow stores; `sdk_dag` builds the same shape with the
real SDK.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Task:
    """One BashOperator. `values` makes it mapped: a literal list, or the task whose output it maps over."""

    label: str
    command: str
    group: Group
    role: str = "work"  # or "setup", "teardown"
    values: list[str] | Task | None = None
    options: Mapping[str, object] = field(default_factory=dict)  # operator arguments of their own

    @property
    def node_id(self) -> str:
        return self.group.prefix + self.label


@dataclass(slots=True, eq=False)
class Group:
    """One TaskGroup; the root has label "".

    `values` makes it mapped, over the argument `value` of its function.
    """

    label: str
    parent: Group | None = None
    values: list[str] | Task | None = None
    children: list[Task | Group] = field(default_factory=list)

    @property
    def node_id(self) -> str:
        return (self.parent.prefix if self.parent else "") + self.label

    @property
    def prefix(self) -> str:
        return f"{self.node_id}." if self.label else ""

    def tasks(self) -> Iterable[Task]:
        for child in self.children:
            if isinstance(child, Task):
                yield child
            else:
                yield from child.tasks()


@dataclass(slots=True, eq=False)
class Shape:
    """A whole DAG. `tasks` and `edges` are in the order in which its author wrote them."""

    dag_id: str
    root: Group = field(default_factory=lambda: Group(""))
    tasks: list[Task] = field(default_factory=list)
    edges: list[tuple[Task | Group, Task | Group]] = field(default_factory=list)

    def task(self, label: str, group: Group | None = None, **more: object) -> Task:
        group = group or self.root
        command = str(more.pop("command", f"echo {label}"))
        task = Task(label, command, group, **more)  # type: ignore[arg-type]  # a keyword per field
        group.children.append(task)
        self.tasks.append(task)
        return task

    def group(self, label: str, parent: Group | None = None, values: list[str] | Task | None = None) -> Group:
        group = Group(label, parent or self.root, values)
        group.parent.children.append(group)  # type: ignore[union-attr]  # just set
        return group

    def edge(self, upstream: Task | Group, downstream: Task | Group) -> None:
        self.edges.append((upstream, downstream))


WIDTH = 10


def chain(shape: Shape, n_tasks: int, rng: random.Random) -> None:
    """t0 >> t1 >> ..."""
    previous: Task | None = None
    for number in range(n_tasks):
        task = shape.task(f"task_{number}")
        if previous:
            shape.edge(previous, task)
        previous = task


def layers(shape: Shape, n_tasks: int, rng: random.Random) -> None:
    """Layers of 10 tasks, each with 3 upstreams in the layer before."""
    previous: list[Task] = []
    for first in range(0, n_tasks, WIDTH):
        layer = first // WIDTH
        current = [
            shape.task(f"layer_{layer}_task_{i}", command=f"echo {layer} {i}")
            for i in range(min(WIDTH, n_tasks - first))
        ]
        for i, task in enumerate(current):
            for k in range(3):
                if previous:
                    shape.edge(previous[(i + k) % WIDTH], task)
        previous = current


def fan(shape: Shape, n_tasks: int, rng: random.Random) -> None:
    """One task, then all others side by side, then one that joins them."""
    start = shape.task("start")
    middle = [shape.task(f"work_{number}") for number in range(n_tasks - 2)]
    end = shape.task("end")
    for task in middle:
        shape.edge(start, task)
        shape.edge(task, end)


def diamonds(shape: Shape, n_tasks: int, rng: random.Random) -> None:
    """top >> (left, right) >> bottom, repeated; the remaining tasks form a chain at the end."""
    last: Task | None = None
    for number in range(n_tasks // 4):
        top, left, right, bottom = (
            shape.task(f"{place}_{number}") for place in ("top", "left", "right", "bottom")
        )
        if last:
            shape.edge(last, top)
        for side in (left, right):
            shape.edge(top, side)
            shape.edge(side, bottom)
        last = bottom
    for number in range(n_tasks % 4):
        task = shape.task(f"tail_{number}")
        if last:
            shape.edge(last, task)
        last = task


def groups(shape: Shape, n_tasks: int, rng: random.Random) -> None:
    """Groups of 10 tasks (3 of them two groups deep), each group after the one before."""
    previous: Task | Group = shape.task("begin")
    for first in range(1, n_tasks, WIDTH):
        outer = shape.group(f"stage_{first // WIDTH}")
        size = min(WIDTH, n_tasks - first)
        inner = shape.group("prepare", outer) if size > 3 else outer
        deep = [shape.task(f"read_{i}", inner) for i in range(min(3, size))]
        for task in (shape.task(f"work_{i}", outer) for i in range(size - len(deep))):
            for read in deep:
                shape.edge(read, task)
        shape.edge(previous, outer)
        previous = outer


def mapped(shape: Shape, n_tasks: int, rng: random.Random) -> None:
    """Blocks of 6: a source, tasks mapped over its output and over a literal, a mapped group of 2, a join."""
    previous: Task | None = None
    for number in range(n_tasks // 6):
        source = shape.task(f"source_{number}")
        over_output = shape.task(f"over_output_{number}", values=source)
        over_literal = shape.task(f"over_literal_{number}", values=[f"echo {k}" for k in range(3)])
        group = shape.group(f"each_{number}", values=source if number % 2 else ["echo a", "echo b"])
        inside = shape.task("first", group)
        shape.edge(inside, shape.task("second", group))
        join = shape.task(f"join_{number}")
        shape.edge(source, over_literal)
        for branch in (over_output, over_literal, group):
            shape.edge(branch, join)
        if previous:
            shape.edge(previous, source)
        previous = join
    for number in range(n_tasks % 6):
        shape.task(f"alone_{number}")


def setups(shape: Shape, n_tasks: int, rng: random.Random) -> None:
    """Blocks of 10: a setup, 8 tasks that need it, the teardown that belongs to it."""
    for first in range(0, n_tasks, WIDTH):
        number, size = first // WIDTH, min(WIDTH, n_tasks - first)
        if size < 3:
            for i in range(size):
                shape.task(f"alone_{i}")
            return
        setup = shape.task(f"create_{number}", role="setup")
        work = [shape.task(f"use_{number}_{i}") for i in range(size - 2)]
        teardown = shape.task(f"drop_{number}", role="teardown")
        for task in work:
            shape.edge(setup, task)
            shape.edge(task, teardown)
        shape.edge(setup, teardown)


_POOLS = ("default_pool", "warehouse", "api", "spark")
_RULES = (
    "all_success",
    "all_success",
    "all_success",
    "all_done",
    "none_failed",
    "none_failed_min_one_success",
)
_VERBS = ("extract", "load", "check", "publish", "clean", "train", "export", "merge")
_NOUNS = ("orders", "customers", "invoices", "clicks", "sessions", "prices", "stock", "events", "ledger")


def mixed(shape: Shape, n_tasks: int, rng: random.Random) -> None:
    """Irregular like real DAGs: random upstreams, names, commands, pools, retries, rules."""
    for number in range(n_tasks):
        noun = rng.choice(_NOUNS)
        options: dict[str, object] = {}
        if rng.random() < 0.5:
            options["retries"] = rng.choice((1, 2, 3, 5))
        if rng.random() < 0.3:
            options["pool"] = rng.choice(_POOLS[1:])
        if rng.random() < 0.2:
            options["trigger_rule"] = rng.choice(_RULES[3:])
        if rng.random() < 0.1:
            options["priority_weight"] = rng.randint(2, 20)
        words = " ".join(rng.choice(_NOUNS) for _ in range(rng.randint(1, 12)))
        task = shape.task(
            f"{rng.choice(_VERBS)}_{noun}_{number}",
            command=f"python -m jobs.{noun} --date {{{{ ds }}}} --with {words}",
            options=options,
        )
        recent = shape.tasks[max(0, number - 30) : number]
        for upstream in rng.sample(recent, min(len(recent), rng.choice((0, 1, 1, 1, 2, 3)))):
            shape.edge(upstream, task)


SHAPES: dict[str, Callable[[Shape, int, random.Random], None]] = {
    shape.__name__: shape for shape in (chain, layers, fan, diamonds, groups, mapped, setups, mixed)
}


def make_shape(name: str, n_tasks: int, *, seed: int = 0, dag_id: str | None = None) -> Shape:
    """The named shape with exactly `n_tasks` tasks.

    The same arguments give the same shape; only `mixed` uses the seed.
    """
    shape = Shape(dag_id or f"{name}_{n_tasks}")
    SHAPES[name](shape, n_tasks, random.Random(f"{name}/{n_tasks}/{seed}"))
    if len(shape.tasks) != n_tasks:
        raise ValueError(f"shape {name} cannot have {n_tasks} tasks: it made {len(shape.tasks)}")
    return shape
