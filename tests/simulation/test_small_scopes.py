"""Small worlds in every order of their steps, with up to two preemptions."""

from __future__ import annotations

import pytest

from sched_cache.store import Pointer, Seq, Version
from tests.simulation.explore import Scope, explore
from tests.simulation.world import STALENESS, Process, World


def _published(world: World) -> None:
    """The first edition of the only DAG is in the database, published by a process that is gone."""
    first = world.start("first")
    _parse(world, first, "a")
    world.kill(first)
    world.files["a"] += 1


def _parse(world: World, process: Process, key: str) -> None:
    """Parses the file of `key` before the orders begin."""
    world.steps.spawn(f"{process.name} parse", process, lambda: world.parse(process, key))
    world.steps.run(1_000)


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


def a_false_tombstone_is_heard_while_work_is_taken(world: World) -> None:
    """Its numbers are above those of its key, and not above the counter."""
    _published(world)
    processor, scheduler = world.start("p"), world.start("s")
    _parse(world, processor, "b")
    _parse(world, processor, "a")
    world.clock.now += 3 * STALENESS
    scheduler.cache.certify()
    counter = world.store.backup().counter
    lie = Pointer("b", Version(counter), Seq(counter), None)
    world.hear_that(scheduler, lie)
    world.steps.spawn("s work", scheduler, lambda: world.work(scheduler))
    world.steps.spawn("s hear", scheduler, lambda: world.hear_that(scheduler, lie))
    world.steps.spawn("s read", scheduler, lambda: world.read(scheduler, "b"))


def messages_of_an_undone_history_are_replayed(world: World) -> None:
    """The database was restored, and its counter has passed where it was; what was said before is said again."""
    _published(world)
    backup = world.store.backup()
    processor, scheduler = world.start("p"), world.start("s")
    _parse(world, processor, "a")
    undone = world.store.read_pointers(["a"])["a"]
    world.restore(backup)
    _overtake(world)
    world.read(scheduler, "a")
    world.steps.spawn("s hear", scheduler, lambda: world.hear_that(scheduler, undone))
    world.steps.spawn("s read", scheduler, lambda: world.read(scheduler, "a"))
    world.steps.spawn("s work", scheduler, lambda: world.work(scheduler))


def a_restore_is_not_told_by_the_counter(world: World) -> None:
    """A scheduler knows an edition that a restore has undone; the counter has passed its cursor, Redis has it."""
    _published(world)
    backup = world.store.backup()
    processor, scheduler = world.start("p"), world.start("s")
    _parse(world, processor, "a")
    scheduler.cache.certify()
    world.restore(backup)
    _overtake(world)
    world.steps.spawn("s work", scheduler, lambda: world.work(scheduler))
    world.steps.spawn("s read", scheduler, lambda: world.read(scheduler, "a"))


def a_restore_is_told_by_a_row_alone(world: World) -> None:
    """The same, and no tier has the edition that was undone."""
    a_restore_is_not_told_by_the_counter(world)
    world.redis.flush()


def _overtake(world: World) -> None:
    """Another DAG is published until the counter is above where it was."""
    later = world.start("later")
    for _ in range(2):
        world.files["b"] += 1
        _parse(world, later, "b")
    world.kill(later)


SCOPES: list[Scope] = [
    a_load_is_overtaken,
    two_processors_meet,
    two_schedulers_want_the_same_work,
    time_passes_while_a_read_certifies,
]

SCOPES_OF_TWO_KEYS: list[Scope] = [
    a_false_tombstone_is_heard_while_work_is_taken,
    messages_of_an_undone_history_are_replayed,
    a_restore_is_not_told_by_the_counter,
    a_restore_is_told_by_a_row_alone,
]


@pytest.mark.parametrize("scope", [*SCOPES, *SCOPES_OF_TWO_KEYS], ids=lambda scope: scope.__name__)
def test_no_order_violates_a_property(scope: Scope) -> None:
    """Exhaustive within the bound: the exploration ends by itself."""
    keys = ("a", "b") if scope in SCOPES_OF_TWO_KEYS else ("a",)
    n_orders, n_steps = explore(scope, max_preemptions=2, keys=keys)
    print(f"{scope.__name__}: {n_orders} orders, {n_steps} steps")
    assert n_orders > 50
