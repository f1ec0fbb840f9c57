"""Documents that older releases wrote, as Airflow 3.3 reads them after an upgrade."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("airflow.sdk")

from tests.support import host_agreement
from tests.support.host_agreement import Question
from tests.support.host_examples import Examples, disagreements, load_golden_documents

# Airflow 3.3 reads nothing older than 2.10. Version 1 tells sensors by their `deps`, not by `_is_sensor`.


@pytest.fixture(scope="module")
def examples() -> Examples:
    return load_golden_documents("2.11.2", "3.0.6")


@pytest.fixture(scope="module")
def host_dags(examples: Examples) -> dict[str, Any]:
    return {example.dag_id: example.host_dag() for example in examples.dags}


@pytest.mark.parametrize(
    "question",
    [
        host_agreement.edges,
        host_agreement.weights,
        host_agreement.relevant_setups,
        host_agreement.effective_leaves,
        host_agreement.time_restriction,
        host_agreement.groups,
        host_agreement.simple,
        host_agreement.skip_parents,
        host_agreement.hot_fields_but(frozenset({"sla", "_is_sensor"})),
    ],
    ids=lambda question: question.__name__,
)
def test_compact_dag_agrees_with_airflow(
    examples: Examples, host_dags: dict[str, Any], question: Question
) -> None:
    """All from the hot part alone: there is no cold part to fall back to."""
    assert len(examples.dags) == 7
    assert disagreements(examples, host_dags, question) == {}
