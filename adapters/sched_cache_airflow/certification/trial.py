"""The demands of a certificate: every mutant of the host is found, every reachable line ran, and nothing differed.

The demands are about power, not about a number of loops: a comparison without a difference says something only if it
finds a difference that was planted, and if the host's code has been executed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from sched_cache.clock import Clock
from sched_cache_airflow.certification.comparison import ComparedProcess, Comparison, Watch, compared
from sched_cache_airflow.certification.loops import HostLoops
from sched_cache_airflow.certification.mutants import Mutant
from sched_cache_airflow.certification.pinned_lines import PinnedLine, PinnedLines
from sched_cache_airflow.certification.strata import STRATA
from sched_cache_airflow.patching.replacement import NotReplaceableError

MIN_LOOPS: Final = 500
"""The loops without a difference, even if every line ran earlier."""
CASES_OF_A_MUTANT: Final = 60
"""The random cases in which a mutant has to be found."""
MAX_UNREACHABLE: Final = 0.03
"""The share of the pinned lines that may be called unreachable."""


@dataclass(slots=True)
class Progress:
    """The part of a trial that is done, for a process that resumes.

    seed: the first seed; case n has the seed `seed + n`. n_cases, n_loops: without a difference. found: mutant -> the
    number of cases that it took. executed: file -> numbers of lines.
    """

    seed: int
    n_cases: int = 0
    n_loops: int = 0
    n_decided: int = 0
    found: dict[str, int] = field(default_factory=dict)
    executed: dict[str, list[int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Subject:
    """The plugin on the host that is installed.

    trusted: makes a block in which the host's code counts as known. n_decided: reads how many decisions the fast path
    has made in this process.
    """

    process: ComparedProcess
    loops: HostLoops
    trusted: Callable[[], AbstractContextManager[object]]
    n_decided: Callable[[], int]


class Trial:
    """One trial, which goes on where `progress` ended.

    Args:
        seconds: the limit of its duration. A trial that has no time left is refused.
        note: called with a text and the progress after each step.
    """

    def __init__(
        self,
        subject: Subject,
        lines: PinnedLines,
        mutants: Sequence[Mutant],
        progress: Progress,
        *,
        clock: Clock,
        seconds: float,
        note: Callable[[str, Progress], object],
    ) -> None:
        self._subject = subject
        self._lines = lines
        self._unreachable = subject.loops.unreachable
        self._mutants = mutants
        self.progress = progress
        self._clock = clock
        self._ends_at = clock.monotonic() + seconds
        self._note = note
        lines.note(progress.executed)

    def refusals(self) -> list[str]:
        """The reasons against a certificate; none if all demands hold."""
        if len(self.unreachable()) > MAX_UNREACHABLE * self._lines.n_lines:
            return [f"{len(self.unreachable())} of {self._lines.n_lines} pinned lines are called unreachable"]
        refused = [reason for reason in map(self._search, self._mutants) if reason]
        return refused or self._compare()

    def unreachable(self) -> list[PinnedLine]:
        """The pinned lines that are called unreachable, executed or not."""
        return [line for line in self._lines.all() if line.text in self._unreachable.get(line.function, {})]

    def missing(self) -> list[PinnedLine]:
        """The reachable lines that have not run."""
        excused = {*self.unreachable()}
        return [line for line in self._lines.missing() if line not in excused]

    def _search(self, mutant: Mutant) -> str:
        """Searches for a mutant; the reason for a refusal, empty if it is found."""
        if mutant.name in self.progress.found:
            return ""
        try:
            with mutant.planted(), self._compared() as comparison:
                # From the first stratum on, which finds most of them.
                first = self.progress.seed - self.progress.seed % len(STRATA)
                for n_cases in range(CASES_OF_A_MUTANT):
                    if self._is_late():
                        return f"no time was left to find the mutant {mutant.name!r}"
                    if comparison.compare_case(first + n_cases).difference:
                        self.progress.found[mutant.name] = n_cases + 1
                        self._note(f"found the mutant {mutant.name!r} in {n_cases + 1} cases", self.progress)
                        return ""
        except NotReplaceableError as error:
            return f"the mutant {mutant.name!r} cannot be planted: {error}"
        return f"the mutant {mutant.name!r} was not found in {CASES_OF_A_MUTANT} cases"

    def _compare(self) -> list[str]:
        """Compares until every reachable line has run."""
        progress = self.progress
        n_before = progress.n_decided
        with self._compared(self._lines.watched) as comparison:
            while progress.n_loops < MIN_LOOPS or self.missing():
                if self._is_late():
                    return self._late()
                found = comparison.compare_case(progress.seed + progress.n_cases)
                if found.difference:
                    return [f"the plugin decided otherwise than the host: {found.difference}"]
                progress.n_cases += 1
                progress.n_loops += found.n_loops
                progress.n_decided = n_before + self._subject.n_decided()
                progress.executed = self._lines.executed()
                self._note(f"{progress.n_loops} loops, {len(self.missing())} lines missing", progress)
        if progress.n_decided < progress.n_loops / 2:
            return [f"the fast path made {progress.n_decided} decisions in {progress.n_loops} loops"]
        return []

    @contextmanager
    def _compared(self, watch: Watch = nullcontext) -> Iterator[Comparison]:
        subject = self._subject
        with compared(subject.process, subject.loops, watch) as comparison, subject.trusted():
            yield comparison

    def _is_late(self) -> bool:
        return self._clock.monotonic() > self._ends_at

    def _late(self) -> list[str]:
        missing = self.missing()
        if not missing:
            return [f"no time was left for {MIN_LOOPS} loops"]
        return [f"{line.function}: this line did not run: {line.text}" for line in missing]
