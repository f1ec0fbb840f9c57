"""One situation to measure: a suite, its parameters, a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Parameter = str | int | float


@dataclass(frozen=True, slots=True)
class Case:
    """Two runs of equal cases build equal data.

    budget_seconds: the measuring time per subject, without set-up, after which no round beyond `min_rounds` starts.
    max_processes: the limit of sets of processes; one for cases that take minutes.
    subjects: the subjects of the case; empty: all of the suite.
    """

    suite: str
    parameters: Mapping[str, Parameter]
    seed: int = 0
    budget_seconds: float = field(default=20.0, compare=False)
    min_rounds: int = field(default=3, compare=False)
    max_rounds: int = field(default=1_000_000, compare=False)
    max_processes: int = field(default=3, compare=False)
    subjects: Sequence[str] = field(default=(), compare=False)

    @property
    def label(self) -> str:
        """Such as `shape=layers n_tasks=1000`: the name of the case in results, the same in every run."""
        return " ".join(f"{name}={value}" for name, value in self.parameters.items())
