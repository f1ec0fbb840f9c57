"""One subject's scheduler, driven through the three states of a case, round after round."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..case import Case
from ..subject import Subject
from ..suite import Round
from .database_of_subject import SubjectDatabase, engine
from .phases import GARBAGE, Phases
from .scheduler import Scheduler
from .workload import n_running_runs, n_scheduled_tasks, unstart_tasks

# One loop looks at 20 runs ([scheduler] max_dagruns_per_loop_to_schedule); all runs have been looked at after
# this many.
_RUNS_PER_LOOP = 20
_PART_SECONDS = 0.15
_MOST_LOOPS = 9
_SMALL = 1000  # tasks: up to here a whole round serves as warm-up


class LoopSession:
    """Restores a state, runs the loop, and says how long it took, in which phases, with how many queries."""

    def __init__(self, case: Case, subject: Subject, services: Mapping[str, str]) -> None:
        self._case = case
        self._database = SubjectDatabase(case, subject, services)
        self._database.restore("ready")
        self._work = subject.open(case)
        self._scheduler = Scheduler()
        self._n_dags = int(case.parameters["n_dags"])
        self._n_tasks = self._n_dags * int(case.parameters["n_tasks"])
        self._phases = Phases()
        self._phases.install()
        self._phases.count_queries(engine())

    def warm_up(self) -> None:
        if self._n_tasks <= _SMALL:
            list(self.round())
        else:
            # Every state has imports and DAGs to load; of the largest ones only this has a quick loop on stock.
            self._start("steady" if self._n_tasks <= 3 * _SMALL else "last")
            self._scheduler.loop()

    def round(self) -> Iterator[Round]:
        yield Round(self._measure_creation())
        self._start("steady")
        for _ in range(1 + self._n_dags // _RUNS_PER_LOOP):
            self._scheduler.loop()
        for _ in range(self._n_parts()):
            yield Round(self._measure("steady"))
        for number in range(self._n_parts()):
            samples = self._measure("busy", before=unstart_tasks)
            if number == 0:
                samples["busy_scheduled"] = float(n_scheduled_tasks())
            yield Round(samples)
        yield Round(self._measure_last())

    def figures(self) -> Mapping[str, float]:
        return self._work.counters()

    def close(self) -> None:
        engine().dispose()

    def _measure_creation(self) -> dict[str, float]:
        """From due DAGs to running runs, however many loops that takes."""
        self._start("ready")
        gc.collect()  # or one round would pay for what another has left
        loops: list[_Loop] = []
        while n_running_runs() < self._n_dags:
            loops.append(self._loop())
            if len(loops) > 2 * self._n_dags + 10:
                raise RuntimeError(
                    f"only {n_running_runs()} of {self._n_dags} runs exist after {len(loops)} loops"
                )
        return _samples("create", loops)

    def _measure_last(self) -> dict[str, float]:
        """The loop that finds every task finished and ends the runs."""
        self._start("last")
        gc.collect()
        samples = _samples("last", [self._loop()])
        n_ended = self._n_dags - n_running_runs()
        if n_ended != min(self._n_dags, _RUNS_PER_LOOP):
            raise RuntimeError(f"the last loop has ended {n_ended} of {self._n_dags} runs")
        return samples

    def _measure(self, name: str, before: Callable[[], None] = lambda: None) -> dict[str, float]:
        """One part: a loop, and more where it is so short that a neighbour's millisecond would count."""
        loops: list[_Loop] = []
        while not loops or (len(loops) < _MOST_LOOPS and sum(loop.seconds for loop in loops) < _PART_SECONDS):
            before()
            loops.append(self._loop())
        return _samples(name, _middle_half(loops), is_mean=True)

    def _n_parts(self) -> int:
        """So many that a part is a neighbour of the same one of another subject, and stock's last a while together."""
        return 5 if self._n_tasks <= _SMALL else 2 if self._n_tasks <= 3 * _SMALL else 1

    def _loop(self) -> _Loop:
        self._phases.reset()
        seconds, cpu_seconds = self._scheduler.loop()
        return _Loop(
            seconds, cpu_seconds, dict(self._phases.seconds), self._phases.sql_seconds, self._phases.n_queries
        )

    def _start(self, state: str) -> None:
        self._database.restore(state)
        self._scheduler.register()


@dataclass(frozen=True, slots=True)
class _Loop:
    """One pass: its seconds, those it computed, those of each phase, those of the driver, and its queries."""

    seconds: float
    cpu_seconds: float
    phases: Mapping[str, float]
    sql_seconds: float
    n_queries: int


def _middle_half(loops: Sequence[_Loop]) -> Sequence[_Loop]:
    """Without the quickest and the slowest quarter. Their mean is as hard to disturb as a median, its parts add up."""
    by_seconds = sorted(loops, key=lambda loop: loop.seconds)
    n_left_out = len(by_seconds) // 4
    return by_seconds[n_left_out : len(by_seconds) - n_left_out]


def _samples(name: str, loops: Sequence[_Loop], *, is_mean: bool = False) -> dict[str, float]:
    """The sums over these loops, or their means, as metrics of the suite."""
    n = len(loops) if is_mean else 1
    seconds = sum(loop.seconds for loop in loops) / n
    phases = {phase: sum(loop.phases[phase] for loop in loops) / n for phase in loops[0].phases}
    return {
        f"{name}_seconds": seconds,
        f"{name}_work": seconds - phases[GARBAGE],
        **{f"{name}_{phase}": part for phase, part in phases.items()},
        f"{name}_other": max(0.0, seconds - sum(phases.values())),
        f"{name}_cpu": sum(loop.cpu_seconds for loop in loops) / n,
        f"{name}_sql": sum(loop.sql_seconds for loop in loops) / n,
        f"{name}_queries": sum(loop.n_queries for loop in loops) / n,
    }
