"""Compares a loop of the plugin with one of the host, from the same rows, through the life of random runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from random import Random
from typing import Final, NamedTuple, Protocol

from sched_cache_airflow.certification.loops import GivenUpError, HostLoops, Pools
from sched_cache_airflow.certification.strata import ASKED, N_DAGS, N_LOOPS, QUEUED, stratum_of
from sched_cache_airflow.patching.replacement import Replacements

LOOPS_OF_A_CASE: Final = 8

Watch = Callable[[], AbstractContextManager[object]]


class ComparedProcess(Protocol):
    """The part of `HostProcess` that the comparison needs."""

    replacements: Replacements

    def install(self) -> object:
        """Puts the plugin in charge."""

    def uninstall(self) -> None:
        """Gives the host back what it had."""


class Compared(NamedTuple):
    """n_loops: how many there were until all runs had ended. difference: the first one, empty if there is none."""

    n_loops: int
    difference: str


@contextmanager
def compared(process: ComparedProcess, loops: HostLoops, watch: Watch = nullcontext) -> Iterator[Comparison]:
    """Installs the plugin within the block.

    Making `loops` has imported the modules of the host: one that is imported after the installation has our classes.
    watch: makes a block in which the host's own loops run.
    """
    process.install()
    try:
        with loops.comparable():
            yield Comparison(process, loops, watch)
    finally:
        process.uninstall()


class Comparison:
    """A scheduler on the host's own path and one with the plugin, in a process in which the plugin is installed."""

    def __init__(self, process: ComparedProcess, loops: HostLoops, watch: Watch) -> None:
        self._process = process
        self._loops = loops
        self._watch = watch
        with self.as_stock():
            self._stock = loops.scheduler()
        self._plugin = loops.scheduler()

    @contextmanager
    def as_stock(self) -> Iterator[None]:
        """Puts the host's own functions into their places, while the plugin keeps its state."""
        replaced = list(self._process.replacements)
        ours = [(one.owner, one.name, vars(one.owner)[one.name]) for one in replaced]
        for one in reversed(replaced):
            one.restore()
        try:
            yield
        finally:
            for owner, name, member in ours:
                setattr(owner, name, member)

    def compare_case(
        self, seed: int, n_loops: int = LOOPS_OF_A_CASE, *, is_stratified: bool = True
    ) -> Compared:
        """Compares up to `n_loops` loops of random runs. The same seed gives the same DAGs and runs.

        is_stratified: the seed has its stratum; else the case is any random one.
        """
        random, loops = Random(seed), self._loops
        with loops.undone() as session:
            stratum = stratum_of(seed) if is_stratified else None
            n_dags = random.choice((1, 1, 2, 3)) if stratum is None else N_DAGS.get(stratum, 1)
            dags = [loops.dag(session, random, f"dag_{seed}_{n}", stratum) for n in range(n_dags)]
            n_loops = min(n_loops, N_LOOPS.get(stratum, n_loops)) if stratum else n_loops
            for number in range(n_loops):
                pools = random.choice(tuple(Pools)) if stratum in QUEUED else Pools.FULL
                is_asked = number == 0 and stratum in ASKED
                loops.settle(session)
                self._stock.forget()
                try:
                    with self.as_stock(), loops.tried(session), self._watch():
                        stock = self._stock.loop(session, pools)
                        expected = self._stock.answers(session) if is_asked else ()
                    difference = self._plugin.loop(session, pools).difference(stock)
                except GivenUpError as error:  # of the host's own path too, as a mutant of it may do
                    return Compared(number + 1, f"seed {seed}, loop {number}: {error}")
                if is_asked and not difference:
                    loops.settle(session)
                    with loops.tried(session):
                        answers = self._plugin.answers(session)
                    if answers != expected:
                        difference = f"answers differ: {answers} instead of {expected}"
                if difference:
                    return Compared(number + 1, f"seed {seed}, loop {number}: {difference}")
                loops.settle(session)
                if not loops.is_running(session):
                    return Compared(number + 1, "")
                for dag in dags:
                    dag.move_on()
        return Compared(n_loops, "")
