"""One trouble: the loops of a scheduler that it reaches, beside those of one that it does not reach, in turn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.hosts.tiers import WELL, Trouble
from tests.trouble.cluster import Cluster, SchedulerHandle

FIRST, WARM, EDITED, FORGOTTEN, BUSY = (
    "first loop of a process",
    "DAGs in memory",
    "some DAGs edited",
    "no DAG in memory",
    "tasks to schedule",
)
KINDS = (FIRST, WARM, EDITED, FORGOTTEN, BUSY)
_PUBLISHING_SECONDS = 10.0
_N_WARM = 3
_N_EDITED = 3


@dataclass(slots=True)
class Cell:
    """The effect of one trouble.

    pairs: by kind of loop the seconds of (a loop without the tier, the same loop with the tier in trouble).
    open_seconds: of both, what came before their first loops. wrong: DAGs and decisions that were not stock's.
    """

    trouble: Trouble
    pairs: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    open_seconds: list[tuple[float, float]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    n_checked: int = 0
    fallbacks: dict[str, int] = field(default_factory=dict)

    def over(self, kind: str) -> list[float]:
        """How much longer each loop took than the one beside it, in seconds."""
        return [ours - base for base, ours in self.pairs[kind]]

    def typical(self, kind: str) -> tuple[float, float]:
        """(median of the loops without the tier, median of those with it)."""
        return median(base for base, _ in self.pairs[kind]), median(ours for _, ours in self.pairs[kind])


class Play:
    """Both schedulers through all kinds of loops."""

    def __init__(self, cluster: Cluster, trouble: Trouble) -> None:
        self.cell = Cell(trouble, {kind: [] for kind in KINDS})
        self._cluster = cluster
        self._editor = cluster.fork({})
        self._stock = cluster.fork({})
        self._stock.ask("open")
        tiers = cluster.tiers
        tiers.make(Trouble(WELL, WELL))
        self._environs = (tiers.environ_without(trouble), tiers.environ(trouble))
        self._edited: dict[str, int] = {}
        self._retries = 10
        self._shapes: dict[str, Any] = self._stock.ask("loop")["dags"]

    def run(self, n_rounds: int) -> Cell:
        """Trouble that comes while the process works, then a process that begins in it."""
        tiers = self._cluster.tiers
        pair = self._fork(is_counted=False)
        for _ in range(2):
            self._loop(pair, None)
        self._wait_for_publications(pair[1])
        tiers.assert_used(self.cell.trouble)
        tiers.make(self.cell.trouble)
        for _ in range(n_rounds):
            for _ in range(_N_WARM):
                self._loop(pair, WARM)
            self._edit(pair)
            for scheduler in pair:
                scheduler.ask("forget")
            self._loop(pair, FORGOTTEN)
            self._schedule(pair)
        self.cell.fallbacks = pair[1].ask("snapshot")["fallbacks"]
        self._end(pair)
        for _ in range(n_rounds):
            pair = self._fork(is_counted=True)
            self._loop(pair, FIRST)
            self._loop(pair, WARM)
            self._end(pair)
        tiers.make(Trouble(WELL, WELL))
        self._end((self._editor, self._stock))
        return self.cell

    def _fork(self, *, is_counted: bool) -> tuple[SchedulerHandle, SchedulerHandle]:
        base, ours = (self._cluster.fork(environ) for environ in self._environs)
        seconds = (base.ask("open"), ours.ask("open"))
        if is_counted:
            self.cell.open_seconds.append(seconds)
        return base, ours

    def _wait_for_publications(self, scheduler: SchedulerHandle) -> None:
        """So that its tiers have what the first loop has loaded, and a thread is not in the middle of writing it."""
        end = time.monotonic() + _PUBLISHING_SECONDS
        while time.monotonic() < end:
            counts = scheduler.ask("snapshot")["plugin"]
            if (
                counts["contents_published"] + counts["contents_not_published"]
                >= counts["host_documents_read"]
            ):
                return
            time.sleep(0.1)

    @staticmethod
    def _end(schedulers: tuple[SchedulerHandle, SchedulerHandle]) -> None:
        for scheduler in schedulers:
            scheduler.kill()

    def _loop(self, pair: tuple[SchedulerHandle, SchedulerHandle], kind: str | None) -> None:
        results = [scheduler.ask("loop") for scheduler in pair]
        self._check(results[1]["dags"])
        if kind is not None:
            self.cell.pairs[kind].append((results[0]["seconds"], results[1]["seconds"]))

    def _edit(self, pair: tuple[SchedulerHandle, SchedulerHandle]) -> None:
        """Each of the two finds edited DAGs, and as many."""
        seconds = []
        numbers = list(range(min(_N_EDITED, self._cluster.n_dags)))
        for scheduler in pair:
            self._retries += 1
            self._editor.ask("edit", numbers=numbers, retries=self._retries)
            self._edited |= dict.fromkeys((f"dag_{number}" for number in numbers), self._retries)
            result = scheduler.ask("loop")
            seconds.append(result["seconds"])
        self._check(result["dags"])
        self.cell.pairs[EDITED].append((seconds[0], seconds[1]))

    def _schedule(self, pair: tuple[SchedulerHandle, SchedulerHandle]) -> None:
        """The three schedulers, stock's too, schedule the same tasks."""
        decided, seconds = [], []
        for scheduler in (self._stock, *pair):
            self._editor.ask("unstart")
            result = scheduler.ask("loop")
            seconds.append(result["seconds"])
            decided.append(self._cluster.states())
        self._check(result["dags"])
        self.cell.pairs[BUSY].append((seconds[1], seconds[2]))
        self.cell.n_checked += len(decided[0])
        self.cell.wrong += [
            f"{self.cell.trouble}: stock {theirs}, we {ours}"
            for theirs, ours in zip(decided[0], decided[2], strict=True)
            if theirs != ours
        ]

    def _check(self, dags: dict[str, Any]) -> None:
        self.cell.n_checked += len(dags)
        self.cell.wrong += list(self._differences(dags))

    def _differences(self, dags: dict[str, Any]) -> Iterator[str]:
        for dag_id, (shape, retries) in self._shapes.items():
            expected = (shape, str(self._edited.get(dag_id, retries)))
            found = dags.get(dag_id)
            if found is None:
                yield f"{self.cell.trouble}: {dag_id} was not examined"
            elif tuple(found) != expected:
                yield f"{self.cell.trouble}: {dag_id} is {expected}, and {found} was used"
