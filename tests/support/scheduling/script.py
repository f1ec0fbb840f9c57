"""How the tasks of a play end: known from their names alone."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# What the name of a task tells about it.
BRANCH = "branch"
SENSOR = "sensor"
MAPPED = "mapped"

_MIXED = ("success",) * 10 + ("failed", "failed", "skipped", "deferred", "lost")


def dag_id_of(document: Any) -> str:
    return str(field_of(document, "dag_id"))


def field_of(document: Any, name: str) -> Any:
    """Airflow 2 writes an underscore before some names."""
    dag = document["dag"]
    return dag[name] if name in dag else dag[f"_{name}"]


@dataclass(frozen=True, slots=True)
class Script:
    """How each try of each task ends: by the names alone, so for every scheduler alike.

    downstream: dag_id -> task_id -> the tasks directly below it, of which a branch follows some.
    outcomes, lengths: how a try may end, and how many values a task may return.
    """

    seed: int
    downstream: Mapping[str, Mapping[str, list[str]]]
    outcomes: tuple[str, ...] = _MIXED
    lengths: tuple[int, ...] = (0, 1, 3)

    @classmethod
    def for_dags(cls, seed: int, documents: Iterable[Any], **options: Any) -> Script:
        """The one for these DAGs."""
        downstream = {
            dag_id_of(document): {
                task["__var"]["task_id"]: task["__var"].get("downstream_task_ids", [])
                for task in document["dag"]["tasks"]
            }
            for document in documents
        }
        return cls(seed, downstream, **options)

    def draw(self, *names: object) -> random.Random:
        return random.Random(f"{self.seed}/" + "/".join(map(str, names)))

    def outcome(self, ti: Any, n_rescheduled: int) -> str:
        """The end of the try that begins. A task that was deferred or rescheduled before does not wait again."""
        draw = self.draw(ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.try_number)
        if SENSOR in ti.task_id and not n_rescheduled and draw.random() < 0.7:
            return "up_for_reschedule"
        outcome = draw.choice(self.outcomes)
        return "success" if outcome == "deferred" and ti.next_method else outcome
