"""The differential notices when a rule of the fast path is taken away: see `contracts/fast_path_rules.py`."""

from __future__ import annotations

from typing import Any

import pytest

from sched_cache_airflow.certification.comparison import Comparison
from sched_cache_airflow.fast_path.run_end import RunEnd
from tests.airflow3.test_scheduling_decisions_differential import pair
from tests.contracts.fast_path_rules import RULES, assert_noticed

__all__ = ["pair"]


HERE: dict[str, tuple[type[Any], str, Any]] = {
    # 2.11 does not tell callbacks.
    "callbacks name the task instance that ended last": (RunEnd, "last_ended", lambda *_: None),
}


@pytest.mark.parametrize("rule", [*RULES, *HERE])
def test_the_differential_notices(pair: Comparison, rule: str) -> None:
    """Without the rule some loop is decided otherwise than on stock, or fails."""
    assert_noticed(pair, rule, {**RULES, **HERE})
