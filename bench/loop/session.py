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
# The minimum duration of a part. It is longer for the only part of its kind in a round.
_PART_SECONDS, _ONLY_PART_SECONDS = 0.2, 0.6
_MOST_LOOPS = 15
# The number of parts that start with a restored database, because restoring takes longer than measuring.
_MOST_STARTS = 2
# Tasks: up to the one a whole round serves as warm-up, up to the other a round has more than one look at a state.
_TINY, _SMALL = 100, 1000


class LoopSession:
    """Restores a state, runs the loop, and returns its duration, its phases and its queries."""

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
        if self._n_tasks <= _TINY:
            list(self.round())
        else:
            # Every state has imports and DAGs to load. In the largest cases only this state has a quick loop on stock.
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
        """All loops from due DAGs to running runs."""
        return _samples("create", _repeated(self._create, _MOST_STARTS, _ONLY_PART_SECONDS))

    def _create(self) -> _Loop:
        self._start("ready")
        gc.collect()
        loops: list[_Loop] = []
        while n_running_runs() < self._n_dags:
            loops.append(self._loop())
            if len(loops) > 2 * self._n_dags + 10:
                raise RuntimeError(
                    f"only {n_running_runs()} of {self._n_dags} runs exist after {len(loops)} loops"
                )
        return _scaled_sum(loops, 1.0)

    def _measure_last(self) -> dict[str, float]:
        """The loop that finds every task finished and ends the runs."""
        return _samples("last", _repeated(self._last, _MOST_STARTS, _ONLY_PART_SECONDS))

    def _last(self) -> _Loop:
        self._start("last")
        gc.collect()
        loop = self._loop()
        n_ended = self._n_dags - n_running_runs()
        if n_ended != min(self._n_dags, _RUNS_PER_LOOP):
            raise RuntimeError(f"the last loop has ended {n_ended} of {self._n_dags} runs")
        return loop

    def _measure(self, name: str, before: Callable[[], None] = lambda: None) -> dict[str, float]:
        def loop() -> _Loop:
            before()
            return self._loop()

        gc.collect()  # otherwise a full collection, which is as long as ten loops, would affect only some parts
        seconds = _PART_SECONDS if self._n_parts() > 1 else _ONLY_PART_SECONDS
        return _samples(name, _repeated(loop, _MOST_LOOPS, seconds))

    def _n_parts(self) -> int:
        """So many that a part is a neighbour of the same one of another subject, and stock's last a while together."""
        return 2 if self._n_tasks <= _SMALL else 1

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
    """One pass, or a sum of some: its seconds, those it computed, of each phase, of the driver, and its queries."""

    seconds: float
    cpu_seconds: float
    phases: Mapping[str, float]
    sql_seconds: float
    n_queries: float


def _repeated(operation: Callable[[], _Loop], at_most: int, seconds: float) -> Sequence[_Loop]:
    """Measures once, and repeats it if the duration is so short that a disturbance of a millisecond would matter."""
    done = [operation()]
    while len(done) < at_most and sum(one.seconds for one in done) < seconds:
        done.append(operation())
    return done


def _middle_half(loops: Sequence[_Loop]) -> Sequence[_Loop]:
    """The samples without the quickest and slowest quarter. Their mean is as robust as a median, and adds up."""
    by_seconds = sorted(loops, key=lambda loop: loop.seconds)
    n_left_out = len(by_seconds) // 4
    return by_seconds[n_left_out : len(by_seconds) - n_left_out]


def _scaled_sum(loops: Sequence[_Loop], factor: float) -> _Loop:
    return _Loop(
        seconds=factor * sum(loop.seconds for loop in loops),
        cpu_seconds=factor * sum(loop.cpu_seconds for loop in loops),
        phases={phase: factor * sum(loop.phases[phase] for loop in loops) for phase in loops[0].phases},
        sql_seconds=factor * sum(loop.sql_seconds for loop in loops),
        n_queries=factor * sum(loop.n_queries for loop in loops),
    )


def _samples(name: str, loops: Sequence[_Loop]) -> dict[str, float]:
    """The means over the middle half of these loops, as metrics of the suite."""
    middle = _middle_half(loops)
    mean = _scaled_sum(middle, 1 / len(middle))
    return {
        f"{name}_seconds": mean.seconds,
        f"{name}_work": mean.seconds - mean.phases[GARBAGE],
        **{f"{name}_{phase}": part for phase, part in mean.phases.items()},
        f"{name}_other": max(0.0, mean.seconds - sum(mean.phases.values())),
        f"{name}_cpu": mean.cpu_seconds,
        f"{name}_sql": mean.sql_seconds,
        f"{name}_queries": mean.n_queries,
    }
