"""Every order of steps of a small world, up to a number of preemptions.

A preemption is a switch away from a thread that could go on. Most concurrency bugs need one or two (Musuvathi and
Qadeer, PLDI 2007), and the number of orders stays within reach.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.simulation.world import Rules, World

Scope = Callable[[World], None]
"""Sets a world up (`steps.run` plays what it spawns at once) and spawns the threads whose orders are explored."""


def explore(
    scope: Scope, max_preemptions: int, keys: tuple[str, ...] = ("a",), rules: Rules | None = None
) -> tuple[int, int]:
    """Plays `scope` in every order; (orders, steps). Raises the first Violation, with the choices that led to it."""
    choices: list[int] = []
    n_orders = n_steps = 0
    while True:
        options: list[int] = []
        world = _play(scope, choices, options, max_preemptions, keys, rules or Rules())
        n_orders += 1
        n_steps += len(world.steps.log)
        choices += [0] * (len(options) - len(choices))
        while choices and choices[-1] + 1 >= options[len(choices) - 1]:
            choices.pop()
        if not choices:
            return n_orders, n_steps
        choices[-1] += 1


def _play(
    scope: Scope,
    choices: list[int],
    options: list[int],
    max_preemptions: int,
    keys: tuple[str, ...],
    rules: Rules,
) -> World:
    """One order: `choices` while they last, then whatever preempts nobody. Notes how many options each step had."""
    is_exploring = False
    n_preemptions = 0

    def choose(names: list[str], last: str | None) -> int:
        nonlocal n_preemptions
        if not is_exploring:
            return 0
        can_go_on = last in names
        order = sorted(range(len(names)), key=lambda index: (names[index] != last, index))
        if can_go_on and n_preemptions >= max_preemptions:
            order = order[:1]
        position = len(options)
        options.append(len(order))
        choice = choices[position] if position < len(choices) else 0
        if can_go_on and choice:
            n_preemptions += 1
        return order[choice]

    world = World(Random(0), choose, keys=keys, rules=rules)
    with world.running():
        scope(world)
        is_exploring = True
        try:
            world.steps.run(100_000)
            is_exploring = False
            world.check_settles()
        except AssertionError as error:
            raise AssertionError(
                f"{error}, after the choices {choices}:\n" + "\n".join(world.steps.log)
            ) from error
    return world
