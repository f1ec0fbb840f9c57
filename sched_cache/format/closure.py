"""Sums over everything reachable from each task, without a set per task."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from sched_cache.format.graph import Rows

_FEW_BITS = 64


def reachable_sums(order: Sequence[int], rows: Rows, weights: Sequence[int]) -> list[int]:
    """For each task its own weight plus the weights of all tasks that `rows` leads to, each counted once.

    The host's `get_weight` walks the whole graph for every task, which is quadratic. Here tasks are numbered
    in `order`, so the tasks that a task reaches have lower numbers. They are kept as a pair (full, window): all
    numbers below `full`, and the number `full` + k for each bit k of `window`. In chains and layers the window
    stays a few bits wide, so the total is linear; in the worst case a step costs n / 8 bytes of bit operations.

    Args:
        order: every task, each after all tasks to which `rows` leads from it.
        rows: the indices of the direct relatives of each task.
        weights: the own weight of each task.
    """
    number_of = [0] * len(order)
    for number, index in enumerate(order):
        number_of[index] = number
    ordered_weights = [weights[index] for index in order]
    sum_below = list(accumulate(ordered_weights, initial=0))
    masks = _masks(ordered_weights)
    reached: list[tuple[int, int] | None] = [None] * len(order)
    n_waiting = [0] * len(order)
    for row in rows:
        for other in row:
            n_waiting[other] += 1

    sums = [0] * len(order)
    for index in order:
        full, window = _union(rows[index], reached, number_of)
        sums[index] = weights[index] + sum_below[full] + _sum_bits(window, full, ordered_weights, masks)
        reached[index] = (full, window)
        for other in rows[index]:
            n_waiting[other] -= 1
            if not n_waiting[other]:
                reached[other] = None  # not needed again: keep only the frontier
    return sums


def _union(
    row: Sequence[int], reached: Sequence[tuple[int, int] | None], number_of: Sequence[int]
) -> tuple[int, int]:
    if not row:
        return 0, 0
    pairs = [pair for other in row if (pair := reached[other]) is not None]
    full = max(pair_full for pair_full, _ in pairs)
    window = 0
    for pair_full, pair_window in pairs:
        if pair_window:
            window |= pair_window >> (full - pair_full)
    direct = [number for other in row if (number := number_of[other] - full) >= 0]
    if direct:
        bits = bytearray(max(direct) // 8 + 1)
        for number in direct:
            bits[number >> 3] |= 1 << (number & 7)
        window |= int.from_bytes(bits, "little")
    n_trailing_ones = (~window & (window + 1)).bit_length() - 1
    return full + n_trailing_ones, window >> n_trailing_ones


def _masks(ordered_weights: Sequence[int]) -> dict[int, int]:
    """For each distinct weight the numbers that have it, as bits."""
    numbers: dict[int, bytearray] = {}
    for number, weight in enumerate(ordered_weights):
        if weight not in numbers:
            if len(numbers) >= _FEW_BITS:
                return {}
            numbers[weight] = bytearray(len(ordered_weights) // 8 + 1)
        numbers[weight][number >> 3] |= 1 << (number & 7)
    return {weight: int.from_bytes(bits, "little") for weight, bits in numbers.items()}


def _sum_bits(window: int, full: int, ordered_weights: Sequence[int], masks: dict[int, int]) -> int:
    if not window:
        return 0
    if len(masks) == 1:
        return next(iter(masks)) * window.bit_count()
    if not masks or window.bit_count() <= _FEW_BITS:
        total = 0
        while window:
            lowest = window & -window
            total += ordered_weights[full + lowest.bit_length() - 1]
            window ^= lowest
        return total
    return sum(weight * ((mask >> full) & window).bit_count() for weight, mask in masks.items())
