"""Sums over everything reachable."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sched_cache.format.closure import reachable_sums
from sched_cache.format.graph import topological_order, transpose


def sums_by_sets(rows: list[list[int]], weights: list[int]) -> list[int]:
    """The definition: each task's own weight plus those of the set of all it reaches."""
    sums = []
    for index, weight in enumerate(weights):
        reached: set[int] = set()
        waiting = list(rows[index])
        while waiting:
            other = waiting.pop()
            if other not in reached:
                reached.add(other)
                waiting += rows[other]
        sums.append(weight + sum(weights[other] for other in reached))
    return sums


def _check(rows: list[list[int]], weights: list[int]) -> None:
    order = topological_order(rows, transpose(rows))
    assert order is not None
    assert reachable_sums(order[::-1], rows, weights) == sums_by_sets(rows, weights)


@st.composite
def weighted(draw: st.DrawFn) -> tuple[list[list[int]], list[int]]:
    """An acyclic graph with tasks in any order and repeated edges, and weights of any sign and size."""
    n_tasks = draw(st.integers(0, 20))
    names = draw(st.permutations(range(n_tasks)))
    rows: list[list[int]] = [[] for _ in range(n_tasks)]
    for place in range(n_tasks):
        later = st.sampled_from(names[place + 1 :]) if place + 1 < n_tasks else st.nothing()
        rows[names[place]] = draw(st.lists(later, max_size=5)) if place + 1 < n_tasks else []
    weight = draw(st.sampled_from([st.just(1), st.integers(-3, 3), st.integers(-(1 << 70), 1 << 70)]))
    return rows, draw(st.lists(weight, min_size=n_tasks, max_size=n_tasks))


@given(weighted())
def test_sums_are_those_of_the_sets(graph: tuple[list[list[int]], list[int]]) -> None:
    """Every task that can be reached counts once, whatever the graph and the weights."""
    _check(*graph)


@pytest.mark.parametrize("n_weights", [1, 2, 64, 65, 500])
@pytest.mark.parametrize("n_edges", [1, 3, 20])
def test_any_number_of_different_weights(n_weights: int, n_edges: int) -> None:
    """Few and many different weights are summed by different code, with the same sums."""
    random = Random(n_weights * 100 + n_edges)
    n_tasks = 300
    rows = [
        [random.randrange(index + 1, n_tasks) for _ in range(n_edges)] if index + 1 < n_tasks else []
        for index in range(n_tasks)
    ]
    _check(rows, [random.randrange(n_weights) for _ in range(n_tasks)])


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([[index + 1] for index in range(999)] + [[]], id="chain"),
        pytest.param([list(range(1, 1000))] + [[] for _ in range(999)], id="fan out"),
        pytest.param([[999]] * 999 + [[]], id="fan in"),
        pytest.param(
            [[i + 10 - i % 10 + k for k in range(10)] if i < 990 else [] for i in range(1000)], id="layers"
        ),
        pytest.param([list(range(i + 1, 60)) for i in range(60)], id="complete"),
        pytest.param([[]] * 100, id="unconnected"),
    ],
)
def test_shapes_that_people_write(rows: list[list[int]]) -> None:
    """Chains, fans, layers and nothing at all."""
    _check(rows, [1 + index % 3 for index in range(len(rows))])
