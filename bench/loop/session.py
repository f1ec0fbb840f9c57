"""One subject's scheduler, driven through the three states of a case, round after round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..case import Case
from ..subject import Subject
from ..suite import Round
from .database_of_subject import SubjectDatabase, engine
from .phases import Phases
from .scheduler import Scheduler
from .workload import n_running_runs, n_scheduled_tasks, unstart_tasks

# One loop looks at 20 runs ([scheduler] max_dagruns_per_loop_to_schedule); all runs have been looked at after
# this many.
_RUNS_PER_LOOP = 20
_LONG_LOOP_SECONDS = 2.0
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
        self._phases = Phases()
        self._phases.install()
        self._phases.count_queries(engine())

    def warm_up(self) -> None:
        if self._n_dags * int(self._case.parameters["n_tasks"]) <= _SMALL:
            self.round()
        else:
            self._start("steady")
            self._scheduler.loop()

    def round(self) -> Round:
        samples: dict[str, float] = {}
        samples |= self._measure_creation()
        samples |= self._measure_loops()
        samples |= self._measure_last()
        return Round(samples)

    def figures(self) -> Mapping[str, float]:
        return self._work.counters()

    def close(self) -> None:
        engine().dispose()

    def _measure_creation(self) -> dict[str, float]:
        """From due DAGs to running runs, however many loops that takes."""
        self._start("ready")
        loops: list[_Loop] = []
        while n_running_runs() < self._n_dags:
            loops.append(self._loop())
            if len(loops) > 2 * self._n_dags + 10:
                raise RuntimeError(
                    f"only {n_running_runs()} of {self._n_dags} runs exist after {len(loops)} loops"
                )
        return _samples("create", loops)

    def _measure_loops(self) -> dict[str, float]:
        """Loops that find nothing to do, then loops that find the running tasks ready to be scheduled."""
        self._start("steady")
        for _ in range(1 + self._n_dags // _RUNS_PER_LOOP):
            first, _ = self._scheduler.loop()
        n_loops = 1 if first > _LONG_LOOP_SECONDS else 3
        samples = self._measure("steady", n_loops)
        samples |= self._measure("busy", n_loops, before=unstart_tasks)
        return samples | {"busy_scheduled": float(n_scheduled_tasks())}

    def _measure_last(self) -> dict[str, float]:
        """The loop that finds every task finished and ends the runs."""
        self._start("last")
        samples = self._measure("last", 1)
        n_ended = self._n_dags - n_running_runs()
        if n_ended != min(self._n_dags, _RUNS_PER_LOOP):
            raise RuntimeError(f"the last loop has ended {n_ended} of {self._n_dags} runs")
        return samples

    def _measure(self, name: str, n_loops: int, before: Callable[[], None] | None = None) -> dict[str, float]:
        loops = []
        for _ in range(n_loops):
            if before:
                before()
            loops.append(self._loop())
        loops.sort(key=lambda loop: loop.seconds)
        return _samples(name, [loops[len(loops) // 2]])  # the median loop, so that its parts add up to it

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


def _samples(name: str, loops: Sequence[_Loop]) -> dict[str, float]:
    """The sums over these loops, as metrics of the suite."""
    seconds = sum(loop.seconds for loop in loops)
    phases = {phase: sum(loop.phases[phase] for loop in loops) for phase in loops[0].phases}
    return {
        f"{name}_seconds": seconds,
        **{f"{name}_{phase}": part for phase, part in phases.items()},
        f"{name}_other": max(0.0, seconds - sum(phases.values())),
        f"{name}_cpu": sum(loop.cpu_seconds for loop in loops),
        f"{name}_sql": sum(loop.sql_seconds for loop in loops),
        f"{name}_queries": float(sum(loop.n_queries for loop in loops)),
    }
