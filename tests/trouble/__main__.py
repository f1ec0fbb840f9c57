"""Loops of a scheduler with each tier in trouble, and with two, beside the same loops without those tiers.

Run it with the Python of a host: `python -m tests.trouble`. Its status is 1 if a loop lost more than it may.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.hosts.tiers import LYING, MODES, OFF, WELL, Tiers, Trouble
from tests.trouble.cell import KINDS, Cell, Play
from tests.trouble.cluster import Cluster

MAY_LOSE_SECONDS = 0.1
NOTHING = Trouble(OFF, WELL)
"""Both schedulers are without Redis then: how much two equal loops differ on this machine."""

ONE = (
    *(Trouble(mode, WELL) for mode in (*MODES, LYING)),
    *(Trouble(OFF, mode) for mode in MODES),
)
TWO = (
    *(Trouble(mode, mode) for mode in MODES),
    Trouble(WELL, "silent"),
    Trouble("silent", "trickling"),
    Trouble("trickling", "silent"),
    Trouble(LYING, "silent"),
    Trouble(LYING, "slow 200 ms"),
)
SIZES = ((20, 50), (200, 10))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.trouble", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of every kind of loop (default 5)")
    parser.add_argument("--dags", type=int, choices=[n for n, _ in SIZES], help="only with so many DAGs")
    parser.add_argument("--only", default="", help="troubles whose name has this in it")
    chosen = parser.parse_args(arguments)
    n_bad = 0
    for n_dags, n_tasks in SIZES:
        if chosen.dags in (None, n_dags):
            n_bad += _measure(n_dags, n_tasks, chosen.rounds, chosen.only)
    return 1 if n_bad else 0


def _measure(n_dags: int, n_tasks: int, n_rounds: int, only: str) -> int:
    print(f"\n{n_dags} DAGs of {n_tasks} tasks, a running run of each; milliseconds", flush=True)
    print(
        f"{'tiers':44} {'loop':24} {'without':>8} {'median':>8} {'worst':>8} {'over':>8} {'worst over':>10}"
    )
    n_bad = 0
    with Tiers() as tiers, Cluster(tiers, n_dags, n_tasks) as cluster:
        noise = Play(cluster, NOTHING).run(n_rounds)
        _show(noise, noise)
        for trouble in (*ONE, *TWO):
            if only in str(trouble):
                cell = Play(cluster, trouble).run(n_rounds)
                n_bad += _show(cell, noise)
    print(f"{n_bad} kinds of loops lost more than {1000 * MAY_LOSE_SECONDS:.0f} ms, or read a wrong DAG")
    return n_bad


def _show(cell: Cell, noise: Cell) -> int:
    """One line for each kind of loop; how many broke the bound, by more than two equal loops differ here."""
    n_bad = 0
    for kind in KINDS:
        base, ours = cell.typical(kind)
        over = cell.over(kind)
        is_bad = lost_too_much(cell, noise, kind)
        n_bad += is_bad
        figures = (base, ours, max(seconds for _, seconds in cell.pairs[kind]), ours - base, max(over))
        words = " ".join(
            f"{1000 * figure:{width}.0f}" for figure, width in zip(figures, (8, 8, 8, 8, 10), strict=True)
        )
        print(f"{cell.trouble!s:44} {kind:24} {words}{'  TOO MUCH' if is_bad else ''}", flush=True)
    print(
        f"{'':44} {cell.n_checked} DAGs and decisions compared, {len(cell.wrong)} wrong; fallbacks {cell.fallbacks}"
    )
    for wrong in cell.wrong[:5]:
        print(f"    {wrong}")
    return n_bad + bool(cell.wrong)


def lost_too_much(cell: Cell, noise: Cell, kind: str, may_lose: float = MAY_LOSE_SECONDS) -> bool:
    """Whether the median, or the worst of the loops, is beyond the bound and what equal loops differ by."""
    base, ours = cell.typical(kind)
    noise_base, noise_ours = noise.typical(kind)
    typical_noise = abs(noise_ours - noise_base)
    worst_noise = max(map(abs, noise.over(kind)))
    return ours - base > may_lose + typical_noise or max(cell.over(kind)) > may_lose + worst_noise


if __name__ == "__main__":
    sys.exit(main())
