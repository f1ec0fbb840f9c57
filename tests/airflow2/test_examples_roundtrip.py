"""Every example DAG of Airflow 2.11 and its providers: nothing is lost, and we derive what it says."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

pytest.importorskip("airflow.models.dagbag")

from sched_cache.format import decode_dag, encode_dag
from tests.airflow2.support.task_fields import (
    NOT_IN_AIRFLOW_2,
    NOT_IN_ITS_MAPPED_TASKS,
    OTHER_DEFAULT_IN_AIRFLOW_2,
)
from tests.hosts.metadata_db import MetadataDb
from tests.support import host_agreement
from tests.support.host_agreement import Question
from tests.support.host_examples import (
    Examples,
    compressed_bytes,
    disagreements,
    load_examples,
    lost_in_roundtrip,
)

_MIN_DAGS = 70
_NEEDS = {
    "example_analytics.py": "airflow.sdk",  # a provider's example, for Airflow 3 alone
    "example_branch_operator.py": "virtualenv",
    "example_branch_operator_decorator.py": "virtualenv",
    "example_kubernetes_executor.py": "kubernetes",
    "example_local_kubernetes_executor.py": "kubernetes",
    "tutorial_taskflow_api_virtualenv.py": "virtualenv",
}
"""Examples that do not import, or have no DAG, without a package that not every installation has."""


@pytest.fixture(scope="module")
def examples(migrated_db: MetadataDb) -> Examples:
    return load_examples()


@pytest.fixture(scope="module")
def host_dags(examples: Examples) -> dict[str, Any]:
    """The objects that Airflow creates from each example. They are expensive, and must not be changed."""
    return {example.dag_id: example.host_dag() for example in examples.dags}


def test_no_example_is_left_out(examples: Examples) -> None:
    """A file without a DAG is one whose package is missing here, and the rest are as many as they were."""
    assert set(examples.without_dags) == {name for name, package in _NEEDS.items() if not _is_here(package)}
    assert len(examples.dags) >= _MIN_DAGS


def _is_here(package: str) -> bool:
    return find_spec(package) is not None


def test_documents_come_back_exactly(examples: Examples) -> None:
    """Absent and null, int and float and bool told apart, and whatever order the keys were in."""
    assert lost_in_roundtrip(examples) == {}


def test_airflow_reads_the_restored_document(examples: Examples, host_dags: dict[str, Any]) -> None:
    for example in examples.dags:
        encoded = encode_dag(example.document)
        restored = example.host_dag(decode_dag(encoded.hot, encoded.cold).to_serialized())
        assert list(restored.task_dict) == list(host_dags[example.dag_id].task_dict), example.dag_id


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
        host_agreement.hot_fields_but(NOT_IN_AIRFLOW_2 | OTHER_DEFAULT_IN_AIRFLOW_2, NOT_IN_ITS_MAPPED_TASKS),
    ],
    ids=lambda question: question.__name__,
)
def test_compact_dag_agrees_with_airflow(
    examples: Examples, host_dags: dict[str, Any], question: Question
) -> None:
    """All from the hot part alone: there is no cold part to fall back to."""
    assert disagreements(examples, host_dags, question) == {}


def test_one_default_is_not_that_of_airflow_3(examples: Examples, host_dags: dict[str, Any]) -> None:
    """Code that gives tasks to Airflow 2 has to set this default itself."""
    question = host_agreement.hot_fields_but(NOT_IN_AIRFLOW_2, NOT_IN_ITS_MAPPED_TASKS)
    found = disagreements(examples, host_dags, question)
    fields = {line.split(": ours")[0].rpartition(".")[2] for lines in found.values() for line in lines}
    assert fields == OTHER_DEFAULT_IN_AIRFLOW_2


def test_compressed_examples_are_smaller_than_compressed_json(examples: Examples) -> None:
    """Both parts for Redis take less than three quarters of zlib's JSON, though each can be read alone."""
    ours, theirs = compressed_bytes(examples)
    assert ours < 0.75 * theirs
