"""Small worlds in every order of their steps, with up to two preemptions."""

from __future__ import annotations

import pytest

from tests.simulation.explore import Scope, explore
from tests.simulation.world import STALENESS, World


def _published(world: World) -> None:
    """The first edition of the only DAG is in the database, published by a process that is gone."""
    first = world.start("first")
    world.steps.spawn("first parse", first, lambda: world.parse(first, "a"))
    world.steps.run(1_000)
    world.kill(first)
    world.files["a"] += 1


def a_load_is_overtaken(world: World) -> None:
    """A new edition is published and heard of while two threads of one scheduler load the old one."""
    _published(world)
    processor, scheduler = world.start("p"), world.start("s")
    world.steps.spawn("s read 1", scheduler, lambda: world.read(scheduler, "a"))
    world.steps.spawn("p parse", processor, lambda: world.parse(processor, "a"))
    world.steps.spawn("s hear", scheduler, lambda: (world.steps.pause("waits"), world.hear(scheduler)))
    world.steps.spawn("s read 2", scheduler, lambda: world.read(scheduler, "a"))


def two_processors_meet(world: World) -> None:
    """Both parse the same file, which is edited meanwhile."""
    _published(world)
    one, other = world.start("p1"), world.start("p2")

    def edit() -> None:
        world.steps.pause("edits")
        world.files["a"] += 1

    world.steps.spawn("p1 parse", one, lambda: world.parse(one, "a"))
    world.steps.spawn("edit", one, edit)
    world.steps.spawn("p2 parse", other, lambda: world.parse(other, "a"))


def two_schedulers_want_the_same_work(world: World) -> None:
    """One DAG is fresh; it is published again while they take it."""
    _published(world)
    processor, one, other = world.start("p"), world.start("s1"), world.start("s2")
    world.steps.spawn("s1 work", one, lambda: world.work(one))
    world.steps.spawn("p parse", processor, lambda: world.parse(processor, "a"))
    world.steps.spawn("s2 work", other, lambda: world.work(other))


def time_passes_while_a_read_certifies(world: World) -> None:
    """The certification runs out, at any moment of a read and of a publication."""
    _published(world)
    processor, scheduler = world.start("p"), world.start("s")

    def tick() -> None:
        for _ in range(2):
            world.steps.pause("ticks")
            world.clock.now += 0.7 * STALENESS

    world.steps.spawn("s read 1", scheduler, lambda: world.read(scheduler, "a"))
    world.steps.spawn("p parse", processor, lambda: world.parse(processor, "a"))
    world.steps.spawn("clock", processor, tick)
    world.steps.spawn("s read 2", scheduler, lambda: world.read(scheduler, "a"))


SCOPES: list[Scope] = [
    a_load_is_overtaken,
    two_processors_meet,
    two_schedulers_want_the_same_work,
    time_passes_while_a_read_certifies,
]


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.__name__)
def test_no_order_violates_a_property(scope: Scope) -> None:
    """Exhaustive within the bound: the exploration ends by itself."""
    n_orders, n_steps = explore(scope, max_preemptions=2)
    print(f"{scope.__name__}: {n_orders} orders, {n_steps} steps")
    assert n_orders > 50
