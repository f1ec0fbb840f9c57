"""Hit rates of whole access patterns, beside those of a plain LRU of the same size."""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Callable, Iterable

import cachetools
import pytest

from sched_cache.cache import L1
from sched_cache.cache.l1 import OVERHEAD_BYTES
from sched_cache.stats import L1Counters
from tests.contracts.l1 import SizedDag, check_books

N_SLOTS = 512
MEAN_BYTES = 1000


def bounded_in_entries() -> L1[SizedDag]:
    return L1(1 << 40, N_SLOTS, L1Counters(), random.Random(1))


def bounded_in_bytes() -> L1[SizedDag]:
    return L1(N_SLOTS * (MEAN_BYTES + OVERHEAD_BYTES), 1 << 20, L1Counters(), random.Random(1))


def equal_bytes(_: int) -> int:
    return MEAN_BYTES


def varied_bytes(key: int) -> int:
    return random.Random(key).choice((200, 500, 1000, 2300))


def hit_rate(
    l1: L1[SizedDag], visits: Iterable[int], nbytes: Callable[[int], int] = equal_bytes, skip: int = 0
) -> float:
    """Of the visits after the first `skip`."""
    n_hits = n_visits = 0
    for number, key in enumerate(visits):
        is_hit = l1.get(str(key)) is not None
        if not is_hit:
            l1.put(str(key), 1, str(key), SizedDag(str(key), nbytes(key)))
        if number >= skip:
            n_hits += is_hit
            n_visits += 1
    check_books(l1)
    return n_hits / n_visits


def lru_hit_rate(visits: Iterable[int], skip: int = 0) -> float:
    lru: cachetools.LRUCache[int, bool] = cachetools.LRUCache(N_SLOTS)
    hits = []
    for key in visits:
        hits.append(key in lru)
        lru[key] = True
    return sum(hits[skip:]) / len(hits[skip:])


def cycle(n_keys: int, n_visits: int) -> list[int]:
    return [number % n_keys for number in range(n_visits)]


def shuffled_cycle(n_keys: int, n_visits: int) -> list[int]:
    source, visits, keys = random.Random(5), list[int](), list(range(n_keys))
    while len(visits) < n_visits:
        source.shuffle(keys)
        visits += keys
    return visits


def zipf(n_keys: int, n_visits: int, seed: int) -> list[int]:
    source = random.Random(seed)
    weights = list(itertools.accumulate(1 / rank for rank in range(1, n_keys + 1)))
    return [bisect.bisect(weights, source.random() * weights[-1]) for _ in range(n_visits)]


def shifting_cycle(n_keys: int, period: int, n_visits: int) -> list[int]:
    """A cycle whose keys are all replaced after `period` visits."""
    return [number // period * 1_000_000 + number % n_keys for number in range(n_visits)]


@pytest.mark.parametrize("make", [bounded_in_entries, bounded_in_bytes])
@pytest.mark.parametrize(("n_keys", "least"), [(600, 0.83), (1000, 0.43), (2000, 0.15)])
def test_a_scan_that_does_not_fit_keeps_most_of_what_does(
    make: Callable[[], L1[SizedDag]], n_keys: int, least: float
) -> None:
    """A scheduler visits its runs in turn; an LRU then always misses."""
    visits = cycle(n_keys, 20 * n_keys)
    assert hit_rate(make(), visits, skip=2 * n_keys) >= least
    assert lru_hit_rate(visits) == 0


@pytest.mark.parametrize(("n_keys", "least"), [(600, 0.82), (1000, 0.43)])
def test_order_of_the_scan_does_not_matter(n_keys: int, least: float) -> None:
    """Reuse intervals vary by a factor of two then; their mean does not."""
    visits = shuffled_cycle(n_keys, 20 * n_keys)
    assert hit_rate(bounded_in_entries(), visits, skip=2 * n_keys) >= least > lru_hit_rate(visits)


@pytest.mark.parametrize("nbytes", [equal_bytes, varied_bytes])
def test_everything_that_fits_stays(nbytes: Callable[[int], int]) -> None:
    """After the first visit there is no miss any more."""
    assert hit_rate(bounded_in_bytes(), cycle(450, 4500), nbytes, skip=450) == 1


def test_sizes_may_differ() -> None:
    """The larger ones do not push everybody out."""
    mean = sum(map(varied_bytes, range(600))) / 600 + OVERHEAD_BYTES
    fits = N_SLOTS * (MEAN_BYTES + OVERHEAD_BYTES) / mean / 600
    rate = hit_rate(bounded_in_bytes(), cycle(600, 12_000), varied_bytes, skip=1200)
    assert rate >= fits - 0.06


def test_popular_keys_are_kept() -> None:
    """Better than an LRU where few keys get most of the visits."""
    visits = zipf(2000, 40_000, seed=2)
    assert hit_rate(bounded_in_entries(), visits) >= lru_hit_rate(visits) + 0.02


def test_popular_keys_survive_a_scan() -> None:
    """Every third visit is to a key that never comes back."""
    popular = zipf(600, 20_000, seed=7)
    visits = [key for number, key in enumerate(popular) for key in ((key, -number - 1)[: 1 + (number % 2)])]
    assert hit_rate(bounded_in_entries(), visits) >= lru_hit_rate(visits)


@pytest.mark.parametrize(("n_keys", "period", "least"), [(400, 4000, 0.75), (600, 6000, 0.70)])
def test_a_new_working_set_takes_over(n_keys: int, period: int, least: float) -> None:
    """Within two or three visits, although those before it had earned their places."""
    assert hit_rate(bounded_in_entries(), shifting_cycle(n_keys, period, 10 * period)) >= least


def test_a_mean_that_is_no_longer_true_corrects_itself() -> None:
    """From a scan that nearly fits to one so long that nobody remembers who was evicted, and back."""
    l1 = bounded_in_entries()
    hit_rate(l1, cycle(600, 6000))
    assert hit_rate(l1, (10_000 + key for key in cycle(5000, 60_000)), skip=30_000) >= 0.05
    assert hit_rate(l1, (90_000 + key for key in cycle(600, 12_000)), skip=6000) >= 0.80


def test_who_is_never_used_again_goes_even_if_no_newcomer_is_recognised() -> None:
    """Two scans, one after the other, both longer than the memory of the evicted."""
    l1 = bounded_in_entries()
    hit_rate(l1, cycle(5000, 20_000))
    assert hit_rate(l1, (10_000 + key for key in cycle(5000, 60_000)), skip=30_000) >= 0.04


def test_uses_in_a_row_count_as_one() -> None:
    """A scheduler asks for a DAG many times per visit, which says nothing about its next visit."""
    visits = [key for key in cycle(600, 12_000) for _ in range(3)]
    assert hit_rate(bounded_in_entries(), visits, skip=3600) >= (2 + 0.83) / 3


def test_cost_of_a_put_is_bounded_when_everybody_was_used() -> None:
    """However many were used since the last put, it looks at few of them."""
    l1: L1[SizedDag] = L1(1 << 40, 20_000, L1Counters(), random.Random(1))
    for key in cycle(20_000, 20_000):
        l1.put(str(key), 1, str(key), SizedDag(str(key)))
    pushed = l1.order._n_pushed
    for key in cycle(20_000, 20_000):
        l1.get(str(key))
    for key in range(100_000, 100_100):
        l1.put(str(key), 1, str(key), SizedDag(str(key)))
    assert l1.order._n_pushed - pushed <= 100 * 2 * 17  # for itself, and for who leaves probation
