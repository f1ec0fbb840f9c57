"""Documents in each of which one field is something that no host wrote there, made from the tables of fields."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from hashlib import md5
from typing import Any

from sched_cache.clock import SystemClock
from sched_cache.format import CompactDag, EncodedDag, decode_dag
from sched_cache.format.fields import HOT_DAG_FIELDS, HOT_GROUP_FIELDS, HOT_TASK_FIELDS, Field
from sched_cache.stats import Stats
from sched_cache.store.budget import Budget
from sched_cache_airflow.dags.resident_dags import ResidentDags
from sched_cache_airflow.hosts.contract import HostContents
from sched_cache_airflow.patching.fallback import Fallbacks

MISSING = object()
WAYS: dict[str, Any] = {
    "unknown type": {"__type": "no_such_type", "__var": 1},
    "no type": {"a": 1},
    "needs a library": {"__type": "k8s.V1Pod", "__var": {"spec": 1}},
    "unknown name": "no.such.Class",
    "huge": 1e300,
    "nested lists": [[5]],
    "false": False,
    "null": None,
    "missing": MISSING,
}
_STRUCTURE = {"dag_id", "_dag_id", "tasks", "task_id", "children"}


@dataclass(frozen=True, slots=True)
class Case:
    """place: where the field is. field: its name. way: a key of `WAYS`."""

    place: str
    field: str
    way: str
    document: Any

    def __str__(self) -> str:
        return f"{self.place}.{self.field}: {self.way}"


def cases(document: Any, dag_fields: Iterable[str], task_fields: Iterable[str]) -> Iterator[Case]:
    """Every field of the tables, of the host and of the document itself, in every way.

    Args:
        document: has tasks named `plain` and `mapped`, and a mapped group.
        dag_fields: the host's list of what a serialized DAG has. task_fields: of a task.
    """
    group_name = "task_group" if "task_group" in document["dag"] else "_task_group"
    hot_tasks, hot_dags, hot_groups = map(_names, (HOT_TASK_FIELDS, HOT_DAG_FIELDS, HOT_GROUP_FIELDS))
    for place, path, names in (
        ("dag", ("dag",), {*hot_dags, *dag_fields}),
        ("task", ("dag", "tasks", "plain"), {*hot_tasks, *task_fields, "no_such_field"}),
        ("mapped task", ("dag", "tasks", "mapped"), {*hot_tasks, *task_fields}),
        ("partial", ("dag", "tasks", "mapped", "partial_kwargs"), hot_tasks),
        ("root group", ("dag", group_name), hot_groups),
        ("mapped group", ("dag", group_name, "children", "around", 1), hot_groups),
        ("defaults", ("client_defaults", "tasks"), hot_tasks if "client_defaults" in document else set()),
    ):
        if not names:
            continue
        for name in sorted({*names, *_at(document, path)} - _STRUCTURE):
            for way, value in WAYS.items():
                changed = copy.deepcopy(document)
                changed["dag"][_id_name(changed)] = f"{place}.{name}.{way}".replace(" ", "_")
                owner = _at(changed, path)
                if value is MISSING:
                    if name not in owner:
                        continue
                    del owner[name]
                else:
                    owner[name] = value
                yield Case(place, name, way, changed)


def _names(fields: Iterable[Field]) -> set[str]:
    return {name for field in fields for name in (field.name, *field.older_names)}


def _at(document: Any, path: tuple[Any, ...]) -> Any:
    found = document
    for step in path:
        if isinstance(found, list) and isinstance(step, str):
            found = next(task["__var"] for task in found if task["__var"]["task_id"] == step)
        else:
            found = found[step]
    return found


def _id_name(document: Any) -> str:
    return "dag_id" if "dag_id" in document["dag"] else "_dag_id"


@dataclass
class NoTiers:
    """In place of the shared tiers: has what it was given, and keeps what is published."""

    found: CompactDag | None = None
    published: list[EncodedDag] = field(default_factory=list)
    budget: Budget = field(default_factory=lambda: Budget(SystemClock(), 60.0))
    """The time that tiers in trouble may cost. These are in none."""

    def get(self, key: str) -> CompactDag | None:
        return self.found

    def keep_cold(self, dags: dict[str, CompactDag]) -> set[str]:
        return {key for key, dag in dags.items() if dag.keeps_cold}

    def certify(self) -> None:
        pass

    def floor(self, key: str) -> None:
        pass

    def submit(self, key: str, encoded: EncodedDag, *rest: Any, **options: Any) -> None:
        self.published.append(encoded)


class OneDocument:
    """The host's contents: this document for every version."""

    def __init__(self, host: HostContents, document: Any, dag_hash: str) -> None:
        self._host, self._found = host, (document, dag_hash)
        self.n_read = 0

    def read(self, version_id: Any, reader: Any) -> tuple[Any, str]:
        self.n_read += 1
        return copy.deepcopy(self._found[0]), self._found[1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)


class Process:
    """One process of ours with its own memory, beside others that share `tiers`."""

    def __init__(self, host: HostContents, settings: Any, document: Any) -> None:
        self.dag_hash = md5(json.dumps(document, sort_keys=True).encode()).hexdigest()
        self.tiers = NoTiers()
        self.stored: Any = OneDocument(host, document, self.dag_hash)
        stats = Stats()
        cache: Any = self.tiers
        self.contents = ResidentDags(self.stored, settings, cache, stats, Fallbacks(stats))
        publisher: Any = self.tiers
        self.contents.publisher = publisher

    def take(self, *, load_op_links: bool = False) -> Any:
        """The DAG that it hands out; None if the host has to read the document."""
        return self.contents.get("version", self.dag_hash, load_op_links, None)  # type: ignore[arg-type]  # not asked

    def beside(self, other: Process) -> Process:
        """This process, with what the other one has published in its tiers."""
        [encoded] = other.tiers.published
        found = decode_dag(encoded.hot, encoded.cold, content_hash=encoded.content_hash)
        found.keep_cold(encoded.cold)
        self.tiers.found = found
        return self


def read_everything(dag: Any) -> None:
    """Reads what a scheduler, an API server or a site's code may read: every attribute of everything."""
    vars(dag).copy()
    dag.timetable  # noqa: B018
    for task in list(dag.task_dict.values()):
        for name in sorted({*vars(task), *_readable(type(task))}):
            with suppress(AttributeError):
                getattr(task, name)
    for group in dag.task_group.get_task_group_dict().values():
        vars(group).copy()
    if hasattr(dag, "compact"):
        copy.deepcopy(dag)  # of what the host has read there is nothing left to read


def _readable(kind: type) -> set[str]:
    """Fields, not what code computes from them and from more than the DAG."""
    names = set()
    for base in kind.__mro__:
        for name, value in vars(base).items():
            if (
                not name.startswith("__")
                and not callable(value)
                and not isinstance(value, (property, classmethod, staticmethod))
            ):
                names.add(name)
    return names


Outcome = tuple[int, str]
"""How bad (0: it works, 1: the host's `try` sees an error, 2: the error comes when the DAG is used), and what."""


def outcome(take: Any) -> Outcome:
    """The outcome for a process that takes a DAG in this way and reads it."""
    try:
        dag = take()
    except Exception as error:
        return 1, type(error).__name__
    if dag is None:
        return 1, "None"
    try:
        read_everything(dag)
    except Exception as error:
        return 2, type(error).__name__
    return 0, "read"


@dataclass(frozen=True, slots=True)
class Table:
    """counts: (stock's outcome, ours, number of cases). worse: cases in which ours is, in words."""

    counts: Counter[tuple[str, str]]
    worse: list[str]


def table_of(
    all_cases: Iterable[Case], stock: Callable[[Any], Any], new_process: Callable[[Any], Process]
) -> Table:
    """Every case on stock, in the process of ours that encodes it, and in one that finds it encoded."""
    table = Table(Counter(), [])
    for case in all_cases:
        there = outcome(partial(stock, case.document))
        first = new_process(case.document)
        here = [outcome(partial(_take, first, stock, case.document))]
        if first.tiers.published:
            second = new_process(case.document).beside(first)
            here.append(outcome(partial(_take, second, stock, case.document)))
            if second.stored.n_read:
                table.worse.append(f"{case}: read from the host again")
        for ours in here:
            table.counts[there[1], ours[1]] += 1
            if ours[0] > there[0]:
                table.worse.append(f"{case}: stock {there}, ours {ours}")
    return table


def _take(process: Process, stock: Callable[[Any], Any], document: Any) -> Any:
    found = process.take()
    return stock(document) if found is None else found
