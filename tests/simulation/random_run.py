"""One execution with faults of all kinds, made from a seed."""

from __future__ import annotations

from random import Random

from sched_cache.testing.memory_store import State
from tests.simulation.world import STALENESS, Process, Rules, World

KEYS = ("a", "b")


def run(seed: int, rules: Rules | None = None, *, n_acts: int = 60, faults: bool = True) -> World:
    """The world after `n_acts` acts in random order, then settled. Raises Violation; the same seed does so again."""
    random = Random(seed)

    def choose(names: list[str], last: str | None) -> int:
        # Mostly in turn, sometimes one thread for long: both find bugs that the other does not.
        if last in names and random.random() < 0.4:
            return names.index(last)
        return random.randrange(len(names))

    world = World(
        random,
        choose,
        fault_rate=0.1 if faults and random.random() < 0.7 else 0.0,
        db_fault_rate=0.02 if faults and random.random() < 0.3 else 0.0,
        keys=KEYS,
        rules=rules or Rules(),
    )
    with world.running():
        for name in ("p1", "p2", "s1", "s2"):
            world.start(name)
        backups: list[State] = []
        for act in range(n_acts):
            _act(world, random, act, backups, faults)
            world.steps.run(random.choice((1, 2, 3, 5, 8, 13, 30)))
        world.steps.run(100_000)
        world.check_settles()
    return world


def _act(world: World, random: Random, act: int, backups: list[State], faults: bool) -> None:
    process = random.choice(world.processes)
    key = random.choice(KEYS)
    kind = random.choices(
        ("edit", "parse", "read", "work", "hear", "tick", "fault", "lie", "early"),
        (3, 5, 8, 4, 5, 4, *((2, 3, 1) if faults else (0, 0, 0))),
    )[0]
    if kind == "edit":
        world.files[key] += 1
    elif kind == "parse":
        world.steps.spawn(f"{process.name}/{act} parse", process, lambda: world.parse(process, key))
    elif kind == "read":
        world.steps.spawn(f"{process.name}/{act} read", process, lambda: world.read(process, key))
    elif kind == "work":
        world.steps.spawn(f"{process.name}/{act} work", process, lambda: world.work(process))
    elif kind == "hear":
        world.steps.spawn(f"{process.name}/{act} hear", process, lambda: world.hear(process))
    elif kind == "lie":
        world.steps.spawn(f"{process.name}/{act} lie", process, lambda: world.lie(process))
    elif kind == "early":
        commits = random.random() < 0.5
        world.steps.spawn(
            f"{process.name}/{act} early",
            process,
            lambda: world.announce_early(process, key, commits=commits),
        )
    elif kind == "tick":
        world.clock.now += random.choice((0.3, STALENESS, 2.5 * STALENESS, 6.0))
    else:
        _fault(world, random, act, process, backups)


def _fault(world: World, random: Random, act: int, process: Process, backups: list[State]) -> None:
    kind = random.choice(("kill", "flush", "failover", "backup", "restore"))
    if kind == "kill":
        world.kill(process)
        world.start(f"{process.name[:2]}r{act}")
    elif kind == "flush":
        world.redis.flush()
    elif kind == "failover":
        world.redis.fail_over()
    elif kind == "backup":
        backups.append(world.store.backup())
    elif backups:
        world.steps.run(100_000)  # open transactions end before a database is restored
        world.restore(backups[-1])
