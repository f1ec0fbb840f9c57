"""A loop of the plugin ends as one of stock: the comparison that both hosts' tests make.

`SCHED_CACHE_DECISIONS_LOOPS` sets how many loops are compared, `SCHED_CACHE_DECISIONS_SEED` the first seed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from unittest import mock

import pytest

from sched_cache_airflow.certification.comparison import Comparison, Watch, compared
from sched_cache_airflow.hosts.installed import host_process
from tests.hosts.home import option
from tests.hosts.subject import ON

FIRST_SEED = int(os.environ.get("SCHED_CACHE_DECISIONS_SEED", "1"))
LOOPS_A_TEST = 100


def each_hundred(n_loops: int) -> pytest.MarkDecorator:
    """Gives a test the parameter `first`, once for each hundred loops. n_loops: the default."""
    n_loops = int(os.environ.get("SCHED_CACHE_DECISIONS_LOOPS", str(n_loops)))
    return pytest.mark.parametrize("first", range(FIRST_SEED, FIRST_SEED + n_loops, LOOPS_A_TEST))


@contextmanager
def paired(watch: Watch = nullcontext, **options: str) -> Iterator[Comparison]:
    """Stock and the plugin, with these options, in this process. watch: as in `compared`."""
    chosen = {option("sched_cache", name): value for name, value in options.items()}
    with mock.patch.dict(os.environ, {**ON, option("sched_cache", "publish_contents"): "False", **chosen}):
        process = host_process()
        with compared(process, process.host.loops, watch) as comparison:
            yield comparison


def compare_a_hundred(comparison: Comparison, first: int) -> None:
    """Lives through the runs of as many seeds as it takes."""
    n_loops, seed = 0, first * 1000
    while n_loops < LOOPS_A_TEST:
        compared = comparison.compare_case(seed, is_stratified=False)
        assert not compared.difference, compared.difference
        n_loops += compared.n_loops
        seed += 1
