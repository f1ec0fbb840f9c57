"""The hit rate of a cyclic scan, like that of a scheduler, which visits its DAGs in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

PLACES = 512
CYCLES = (600, 1000, 2000)
_WARM_UP_ROUNDS, _ROUNDS = 10, 20


def hit_percents(open_lookup: Callable[[int], Callable[[str], bool]]) -> Mapping[str, float]:
    """Metric -> percent. `open_lookup(n)` gives a look-up in an empty cache of 512 places; True is a hit."""
    return {f"hit_percent_{n}": 100 * cyclic_hit_rate(open_lookup(n), n) for n in CYCLES}


def cyclic_hit_rate(lookup: Callable[[str], bool], n_keys: int) -> float:
    """The share of hits after the first rounds, 0 to 1."""
    keys = [f"dag_{number}" for number in range(n_keys)]
    for _ in range(_WARM_UP_ROUNDS):
        for key in keys:
            lookup(key)
    hits = sum(lookup(key) for _ in range(_ROUNDS) for key in keys)
    return hits / (_ROUNDS * n_keys)
