"""The production code in random orders of steps, under faults of every kind."""

from __future__ import annotations

import os

import pytest

from tests.simulation.random_run import run

N_SEEDS = int(os.environ.get("SCHED_CACHE_SIMULATION_SEEDS", "400"))
FIRST_SEED = int(os.environ.get("SCHED_CACHE_SIMULATION_FIRST_SEED", "0"))
_BATCHES = 8


@pytest.mark.parametrize("batch", range(_BATCHES))
def test_no_property_is_violated(batch: int) -> None:
    """S1 to S6 after every step, L at the end. A violation names the seed: `run(seed)` replays it."""
    n_steps = 0
    for seed in range(FIRST_SEED + batch, FIRST_SEED + N_SEEDS, _BATCHES):
        try:
            world = run(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        n_steps += len(world.steps.log)
    print(f"{n_steps} steps")
    assert n_steps > 100 * N_SEEDS / _BATCHES, "the simulation did hardly anything"


def test_runs_do_something() -> None:
    """Reads, publications and effects happen, so that the properties are about something."""
    worlds = [run(seed) for seed in range(20)]
    assert min(world.n_reads for world in worlds) >= 1
    assert sum(world.n_publications for world in worlds) > 60
    assert sum(world.n_effects for world in worlds) > 60
    assert sum(world.epoch for world in worlds) > 0


def test_a_seed_replays() -> None:
    """The same seed makes the same steps in the same order."""
    assert run(17).steps.log == run(17).steps.log
