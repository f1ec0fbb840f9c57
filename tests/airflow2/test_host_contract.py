"""Our deserialized DAG answers every question of the host as the host's own does.

The comparison is first tried on two copies of stock's DAG (nothing may differ) and on copies that were
changed on purpose (the change must be named), then on the plugin's.
"""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

pytest.importorskip("airflow.models.dagbag")

from airflow.serialization.serialized_objects import SerializedDAG

from sched_cache.format import decode_dag, encode_dag
from sched_cache_airflow.hosts.airflow2.certification.documents import as_installed
from sched_cache_airflow.hosts.airflow2.compat import DECODE_START_TRIGGER_ARGS
from tests.airflow2.contract.compare import compare_dags, compare_first_answers
from tests.airflow2.support.every_kind import base_document
from tests.airflow2.support.generated import generated_documents
from tests.hosts.metadata_db import MetadataDb
from tests.support.host_examples import load_examples, load_golden_documents

# Each takes a second or two.
_FIRST = (
    "airflow-2.6.3-fields",
    "airflow-2.11.2-mapped",
    "example_setup_teardown",
    "generated_1",
    "generated_3",
)
op_links = pytest.mark.parametrize("load_op_links", [False, True], ids=["scheduler", "webserver"])


@pytest.fixture(scope="module")
def documents(migrated_db: MetadataDb) -> dict[str, Any]:
    """Examples, those that older releases wrote, and generated ones."""
    found = {example.dag_id: example.document for example in load_examples().dags}
    golden = load_golden_documents("2.2.5", "2.6.3", "2.11.2")
    found |= {example.dag_id: example.document for example in golden.dags}
    return {name: as_installed(document) for name, document in (found | generated_documents()).items()}


def stock_of(document: Any, *, load_op_links: bool = False) -> Any:
    SerializedDAG._load_operator_extra_links = load_op_links
    return SerializedDAG.from_dict(copy.deepcopy(document))


def ours_of(document: Any, *, load_op_links: bool = False) -> Any:
    from sched_cache_airflow.hosts.airflow2.dags.dag import dag_of_compact

    encoded = encode_dag(document, sort_keys=False)
    return dag_of_compact(decode_dag(encoded.hot, encoded.cold), load_op_links=load_op_links)


def ours(documents: dict[str, Any]) -> dict[str, Any]:
    """The documents that the compact form serves."""
    served = {name: document for name, document in documents.items() if ours_of(document) is not None}
    assert {
        "example_bash_operator",
        "example_dynamic_task_mapping",
        "example_setup_teardown",
    } <= served.keys()
    return served


def test_few_documents_are_left_to_the_host(documents: dict[str, Any]) -> None:
    """Those with subdags, and those of 2.2."""
    left = documents.keys() - ours(documents).keys()
    assert {name for name in left if not name.startswith("airflow-2.2.5")} <= {
        "example_subdag_operator",
        "example_subdag_operator.section-1",
        "example_subdag_operator.section-2",
    }


def test_a_document_without_task_groups_is_left_to_the_host() -> None:
    """The host leaves its DAG without a root group, and whatever reads that fails there in its own way."""
    document = as_installed(base_document())
    del document["dag"]["_task_group"]
    assert stock_of(document).task_group is None
    assert ours_of(document) is None


def test_two_copies_of_stock_do_not_differ(documents: dict[str, Any]) -> None:
    """The comparison itself is deterministic."""
    assert len(documents) > (80 if DECODE_START_TRIGGER_ARGS else 75)  # 2.9 has fewer examples
    for name, document in documents.items():
        if not name.startswith("example"):
            continue
        stock, again = (stock_of(document) for _ in range(2))
        assert [str(found) for found in compare_dags(stock, again)] == [], name


@op_links
def test_the_plugin_answers_as_stock_does(documents: dict[str, Any], load_op_links: bool) -> None:
    """For every document, with and without operator links."""
    found = {}
    for name, document in ours(documents).items():
        stock = stock_of(document, load_op_links=load_op_links)
        found[name] = [
            str(line) for line in compare_dags(stock, ours_of(document, load_op_links=load_op_links))
        ]
    assert {name: differences for name, differences in found.items() if differences} == {}


def test_the_plugin_answers_every_question_first(documents: dict[str, Any]) -> None:
    """Each question can be the first one: no part of a lazy object depends on another question."""
    found = {}
    for name in _FIRST:
        make_stock, make_ours = (partial(make, documents[name]) for make in (stock_of, ours_of))
        found[name] = [str(line) for line in compare_first_answers(make_stock, make_ours)]
    assert {name: differences for name, differences in found.items() if differences} == {}


def task(document: dict[str, Any]) -> dict[str, Any]:
    """The encoded fields of a Bash task with a downstream task."""
    tasks: list[dict[str, Any]] = [encoded.get("__var", encoded) for encoded in document["dag"]["tasks"]]
    return next(fields for fields in tasks if "bash_command" in fields and fields["downstream_task_ids"])


_ONCE = {"__type": "airflow.timetables.simple.OnceTimetable", "__var": {}}
EDITS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "retries": (lambda document: task(document).update(retries=7), ".retries"),
    "type of a value": (lambda document: task(document).update(pool_slots=True), ".pool_slots"),
    "template field": (lambda document: task(document).update(bash_command="other"), ".bash_command"),
    "trigger rule": (lambda document: task(document).update(trigger_rule="always"), ".trigger_rule"),
    "dependencies": (lambda document: task(document).update(downstream_task_ids=[]), ".downstream_task_ids"),
    "order of tasks": (lambda document: document["dag"]["tasks"].reverse(), "dag.task_ids"),
    "unknown key": (lambda document: task(document).update(reschedule=True), ".reschedule"),
    "catchup": (lambda document: document["dag"].update(catchup=True), "dag.catchup"),
    "schedule": (lambda document: document["dag"].update(timetable=_ONCE), "dag.timetable"),
    "group": (lambda document: document["dag"]["_task_group"].update(tooltip="other"), ".tooltip"),
    "tags": (lambda document: document["dag"].update(tags=["other"]), "dag.tags"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_change_is_found_and_named(documents: dict[str, Any], edit: str) -> None:
    """One changed field of a document shows up under its own name."""
    document = documents["example_bash_operator"]
    changed = json.loads(json.dumps(document))
    make, named = EDITS[edit]
    make(changed)
    found = compare_dags(stock_of(changed), stock_of(document))
    assert any(difference.where.endswith(named) for difference in found), [str(item) for item in found]


def test_copies_and_pickles_are_the_hosts(documents: dict[str, Any]) -> None:
    """A copy of an operator or a DAG can do without us."""
    document = documents["example_bash_operator"]
    stock, dag = stock_of(document), ours_of(document)
    for task_id in stock.task_ids:
        operator = copy.copy(dag.get_task(task_id))
        assert type(operator) is type(stock.get_task(task_id))
        assert operator == stock.get_task(task_id)
        assert operator.dag is dag
        assert vars(operator).keys() == vars(stock.get_task(task_id)).keys()
    assert type(pickle.loads(pickle.dumps(dag))) is SerializedDAG
