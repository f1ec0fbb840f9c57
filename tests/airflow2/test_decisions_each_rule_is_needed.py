"""The differential notices when a rule of the fast path is taken away: see `contracts/fast_path_rules.py`."""

from __future__ import annotations

import pytest

from sched_cache_airflow.certification.comparison import Comparison
from tests.airflow2.test_scheduling_decisions_differential import pair
from tests.contracts.fast_path_rules import RULES, assert_noticed

__all__ = ["pair"]


@pytest.mark.parametrize("rule", RULES)
def test_the_differential_notices(pair: Comparison, rule: str) -> None:
    """Without the rule some loop is decided otherwise than on stock, or fails."""
    assert_noticed(pair, rule)
