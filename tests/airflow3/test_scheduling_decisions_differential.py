"""A loop of the plugin decides exactly as one of stock Airflow does, from the same database.

See `contracts/decisions_differential.py` for the variables that set how many loops are compared.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sched_cache_airflow.certification.comparison import Comparison
from sched_cache_airflow.hosts.installed import runtime
from tests.contracts.decisions_differential import LOOPS_A_TEST, compare_a_hundred, each_hundred, paired
from tests.hosts.metadata_db import MetadataDb


@pytest.fixture
def pair(airflow_db: MetadataDb) -> Iterator[Comparison]:
    with paired() as both:
        yield both


@pytest.fixture
def shadowed_pair(airflow_db: MetadataDb) -> Iterator[Comparison]:
    """Every decision is compared by the plugin itself."""
    with paired(shadow_share="1.0") as both:
        yield both


@each_hundred(300)
def test_a_loop_of_the_plugin_ends_as_one_of_stock(pair: Comparison, first: int) -> None:
    """All rows, callbacks, metrics, listener calls and log lines of runs, whatever the runs look like."""
    compare_a_hundred(pair, first)
    fast_path = runtime().fast_path
    assert fast_path.n_decided > LOOPS_A_TEST / 2, runtime().stats.fallbacks


@each_hundred(300)
def test_shadow_mode_finds_no_difference_and_leaves_no_trace(shadowed_pair: Comparison, first: int) -> None:
    """Both ways were made and undone, and the loop ends as one of stock: nothing was done twice."""
    compare_a_hundred(shadowed_pair, first)
    fast_path = runtime().fast_path
    assert fast_path.n_decided == 0
    assert (fast_path.shadow.n_differences, fast_path.n_dags_off) == (0, 0), runtime().stats.fallbacks
    assert fast_path.shadow.n_compared > LOOPS_A_TEST / 2, runtime().stats.fallbacks
