"""A trial is refused unless every mutant is found, every reachable line runs and nothing differs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from random import Random
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from sched_cache_airflow.certification import trial as trial_module
from sched_cache_airflow.certification.loops import Effects, Pools
from sched_cache_airflow.certification.mutants import Mutant
from sched_cache_airflow.certification.pinned_lines import PinnedLines
from sched_cache_airflow.certification.strata import Stratum
from sched_cache_airflow.certification.trial import Progress, Subject, Trial
from sched_cache_airflow.patching.replacement import Replacements
from tests.support.clock import ManualClock

_SOURCE = dedent(
    """
    class Run:
        def decide(self, number):
            if number == 0:
                return "none"
            if number < 0:
                return "never"
            return "some"
    """
)
_FILE, _PATH = "/made/up/host.py", "made_up_host:Run.decide"
_UNREACHABLE = {_PATH: {'return "never"': "a run has no negative number"}}


class Dag:
    def __init__(self, random: Random) -> None:
        self._random = random
        self.number = random.randrange(3)

    def move_on(self) -> None:
        self.number = self._random.randrange(3)


class Scheduler:
    def __init__(self, loops: Loops) -> None:
        self._loops = loops

    def loop(self, session: Any, pools: Pools) -> Effects:
        run = sys.modules["made_up_host"].Run()
        return Effects({"dag_run": [{"state": run.decide(dag.number)} for dag in self._loops.dags]}, [], [])

    def answers(self, session: Any) -> list[Any]:
        return []

    def forget(self) -> None:
        pass


class Loops:
    """A host with one function. No transaction: it has no database."""

    unreachable: dict[str, dict[str, str]] = _UNREACHABLE

    def __init__(self) -> None:
        self.dags: list[Dag] = []

    def comparable(self) -> AbstractContextManager[object]:
        return nullcontext()

    def scheduler(self) -> Scheduler:
        return Scheduler(self)

    @contextmanager
    def undone(self) -> Iterator[Any]:
        yield None
        self.dags.clear()

    def tried(self, session: Any) -> AbstractContextManager[object]:
        return nullcontext()

    def settle(self, session: Any) -> None:
        pass

    def dag(self, session: Any, random: Random, dag_id: str, stratum: Stratum | None = None) -> Any:
        self.dags.append(Dag(random))
        return self.dags[-1]

    def is_running(self, session: Any) -> bool:
        return True


class Process:
    """The plugin decides in its own way, which is `decide`."""

    def __init__(self, decide: Callable[[int], str]) -> None:
        self.replacements = Replacements()
        self.n_decided = 0
        self._decide = decide

    def install(self) -> None:
        def make(stock: Any) -> Any:
            def decide(run: Any, number: int) -> str:
                self.n_decided += 1
                return self._decide(number)

            return decide

        self.replacements.replace(sys.modules["made_up_host"].Run, "decide", make)

    def uninstall(self) -> None:
        self.replacements.undo()


@pytest.fixture(autouse=True)
def made_up_host(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("made_up_host")
    exec(compile(_SOURCE, _FILE, "exec"), vars(module))
    monkeypatch.setitem(sys.modules, "made_up_host", module)
    monkeypatch.setattr(trial_module, "MIN_LOOPS", 40)
    monkeypatch.setattr(trial_module, "MAX_UNREACHABLE", 0.2)


def _right(number: int) -> str:
    return "some" if number else "none"


def _never_none(stock: Any) -> Any:
    return lambda self, number: "some"


NOTICED = Mutant("a run without number has some", _PATH, _never_none)


class Trials:
    """Trials of a plugin that is right, where an argument does not say otherwise. `notes`: what they noted."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.clock = ManualClock()
        self.loops = Loops()

    def trial(
        self,
        *mutants: Mutant,
        decide: Callable[[int], str] = _right,
        progress: Progress | None = None,
        **has: Any,
    ) -> Trial:
        process = Process(decide)
        subject = Subject(process, self.loops, nullcontext, has.get("n_decided", lambda: process.n_decided))
        return Trial(
            subject,
            PinnedLines({"made_up_host": (_FILE, _SOURCE)}, [_PATH]),
            mutants,
            progress or Progress(seed=5),
            clock=self.clock,
            seconds=60,
            note=self._note,
        )

    def _note(self, text: str, progress: Progress) -> None:
        self.notes.append((text, progress.as_json()))
        self.clock.sleep(0.5)


@pytest.fixture
def trials() -> Trials:
    return Trials()


def test_all_demands_hold(trials: Trials) -> None:
    trial = trials.trial(NOTICED)
    assert trial.refusals() == []
    assert trial.progress.n_loops >= 40 and trial.progress.found.keys() == {NOTICED.name}
    assert [line.text for line in trial.unreachable()] == ['return "never"']


def test_a_difference_is_named_with_its_seed(trials: Trials) -> None:
    [reason] = trials.trial(decide=lambda number: "some").refusals()
    assert "seed 6" in reason and "('none', 'some')" in reason


def test_a_mutant_that_is_not_found_is_named(trials: Trials) -> None:
    harmless = Mutant("nothing happens", _PATH, lambda stock: lambda self, number: stock(self, number))
    assert trials.trial(NOTICED, harmless).refusals() == [
        "the mutant 'nothing happens' was not found in 60 cases"
    ]


@pytest.mark.parametrize(
    "path", ["made_up_host:Run.gone", "made_up_host:Gone.decide", "no_module:Run.decide"]
)
def test_a_mutant_that_cannot_be_planted_is_named(trials: Trials, path: str) -> None:
    [reason] = trials.trial(Mutant("elsewhere", path, _never_none)).refusals()
    assert reason.startswith("the mutant 'elsewhere' cannot be planted: ")


def test_a_mutant_is_gone_after_its_search(trials: Trials) -> None:
    before = vars(sys.modules["made_up_host"].Run)["decide"]
    trials.trial(NOTICED).refusals()
    assert vars(sys.modules["made_up_host"].Run)["decide"] is before


def test_a_line_that_never_runs_is_named_when_the_time_is_over(trials: Trials) -> None:
    trials.loops.unreachable = {}
    assert trials.trial().refusals() == [f'{_PATH}: this line did not run: return "never"']


def test_too_many_lines_called_unreachable_are_refused(
    trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_module, "MAX_UNREACHABLE", 0.19)
    assert trials.trial().refusals() == ["1 of 5 pinned lines are called unreachable"]


def test_a_fast_path_that_stays_out_of_the_way_proves_nothing(trials: Trials) -> None:
    [reason] = trials.trial(n_decided=lambda: 3).refusals()
    assert reason.startswith("the fast path made 3 decisions in ")


def test_no_time_is_a_refusal(trials: Trials) -> None:
    trial = trials.trial(NOTICED)
    trials.clock.sleep(61)
    assert trial.refusals() == [f"no time was left to find the mutant {NOTICED.name!r}"]
    late = trials.trial()
    trials.clock.sleep(61)
    assert "no time was left for 40 loops" in late.refusals() or late.missing()


def test_a_trial_goes_on_where_another_one_ended(trials: Trials) -> None:
    whole = trials.trial(NOTICED)
    whole.refusals()
    middle = next(noted for _, noted in trials.notes if noted["n_loops"] >= 16)
    resumed = trials.trial(NOTICED, progress=Progress(**middle))
    trials.notes.clear()
    assert resumed.refusals() == []
    assert resumed.progress.n_loops == whole.progress.n_loops >= 40
    assert len(trials.notes) == whole.progress.n_cases - middle["n_cases"] > 0
