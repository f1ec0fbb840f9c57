"""Our deserialized DAG answers every question of the host as the host's own does.

The comparison is first tried on two copies of stock's DAG (nothing may differ) and on copies that were
changed on purpose (the change must be named), then on the plugin's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import airflow
import pytest

from sched_cache_airflow.hosts.airflow3.dags.document import dag_of
from sched_cache_airflow.hosts.airflow3.dags.serialization import DagSerialization
from tests.airflow3.contract.compare import compare_dags, compare_first_answers
from tests.airflow3.contract.documents import deserialized, example_documents
from tests.airflow3.contract.host_reads import HOST_READS, HOST_VERSION
from tests.airflow3.contract.scan import HOST, first_places, scan

op_links = pytest.mark.parametrize("load_op_links", [False, True], ids=["scheduler", "api"])


def test_the_table_names_every_attribute_that_the_installed_host_reads() -> None:
    """A new release that reads more, or elsewhere, makes this fail: scan again and read what changed."""
    if airflow.__version__ != HOST_VERSION:
        pytest.skip(f"the table was made from Airflow {HOST_VERSION}")
    found = {
        owner: {name: first_places(places) for name, places in attributes.items()}
        for owner, attributes in scan().items()
    }
    assert found == HOST_READS


def test_every_place_in_the_table_mentions_its_attribute() -> None:
    """The scan's line numbers are real: the line, or one of the two after it, has the attribute's name."""
    if airflow.__version__ != HOST_VERSION:
        pytest.skip(f"the table was made from Airflow {HOST_VERSION}")
    for attributes in HOST_READS.values():
        for name, places in attributes.items():
            for place in places:
                path, _, line = place.partition(":")
                lines = (HOST / path).read_text().splitlines()
                # An expression that spans lines is reported where it begins.
                assert any(name in text for text in lines[int(line) - 1 : int(line) + 6]), (name, place)


@op_links
def test_two_copies_of_stock_do_not_differ(load_op_links: bool) -> None:
    """The comparison itself is deterministic, for every example DAG."""
    assert len(example_documents()) > 60
    for dag_id, document in example_documents().items():
        stock, again = (deserialized(document, load_op_links=load_op_links) for _ in range(2))
        assert compare_dags(stock, again) == [], dag_id


@op_links
def test_the_plugin_answers_as_stock_does(load_op_links: bool) -> None:
    """For every example DAG of Airflow and its standard provider, with and without operator links."""
    found = {}
    for dag_id, document in example_documents().items():
        ours = dag_of(json.loads(document), load_op_links=load_op_links)
        found[dag_id] = compare_dags(deserialized(document, load_op_links=load_op_links), ours)
    assert {dag_id: differences for dag_id, differences in found.items() if differences} == {}


def test_the_plugin_answers_every_question_first() -> None:
    """Each question can be the first one: no part of a lazy object depends on another question."""
    found = {}
    for dag_id, document in example_documents().items():
        make = partial(dag_of, json.loads(document), load_op_links=False)
        found[dag_id] = compare_first_answers(deserialized(document, load_op_links=False), make)
    assert {dag_id: differences for dag_id, differences in found.items() if differences} == {}


def task(document: dict[str, Any]) -> dict[str, Any]:
    """The encoded fields of a Bash task with a downstream task."""
    tasks: list[dict[str, Any]] = [encoded["__var"] for encoded in document["dag"]["tasks"]]
    return next(fields for fields in tasks if "bash_command" in fields and fields["downstream_task_ids"])


def edit_retries(document: dict[str, Any]) -> None:
    task(document)["retries"] = 7


def edit_type_of_a_value(document: dict[str, Any]) -> None:
    task(document)["pool_slots"] = True


def edit_template_field(document: dict[str, Any]) -> None:
    task(document)["bash_command"] = "other"


def edit_trigger_rule(document: dict[str, Any]) -> None:
    task(document)["trigger_rule"] = "always"


def edit_dependencies(document: dict[str, Any]) -> None:
    task(document)["downstream_task_ids"] = []


def edit_order_of_dependencies(document: dict[str, Any]) -> None:
    document["dag"]["tasks"].reverse()


def edit_sensor(document: dict[str, Any]) -> None:
    task(document)["_is_sensor"] = True


def edit_unknown_key(document: dict[str, Any]) -> None:
    task(document)["reschedule"] = True


def edit_catchup(document: dict[str, Any]) -> None:
    document["dag"]["catchup"] = True


def edit_timetable(document: dict[str, Any]) -> None:
    document["dag"]["timetable"] = {"__type": "airflow.timetables.simple.OnceTimetable", "__var": {}}


def edit_params(document: dict[str, Any]) -> None:
    document["dag"]["params"] = [["p", {"__class": "airflow.sdk.definitions.param.Param", "default": 1}]]


def edit_group(document: dict[str, Any]) -> None:
    document["dag"]["task_group"]["tooltip"] = "other"


def edit_tags(document: dict[str, Any]) -> None:
    document["dag"]["tags"] = ["other"]


EDITS: dict[Callable[[dict[str, Any]], None], str] = {
    edit_retries: ".retries",
    edit_type_of_a_value: ".pool_slots",
    edit_template_field: ".bash_command",
    edit_trigger_rule: ".trigger_rule",
    edit_dependencies: ".downstream_task_ids",
    edit_order_of_dependencies: "dag.task_ids",
    edit_sensor: ".deps",
    edit_unknown_key: ".reschedule",
    edit_catchup: "dag.catchup",
    edit_timetable: "dag.timetable",
    edit_params: "dag.params",
    edit_group: ".tooltip",
    edit_tags: "dag.tags",
}


@pytest.mark.parametrize(("edit", "named"), EDITS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_change_is_found_and_named(edit: Callable[[dict[str, Any]], None], named: str) -> None:
    """One changed field of a document shows up under its own name."""
    document = example_documents()["example_bash_operator"]
    changed = json.loads(document)
    edit(changed)
    stock = deserialized(document, load_op_links=False)
    found = compare_dags(stock, DagSerialization.from_dict(changed))
    assert any(difference.where.endswith(named) for difference in found), [str(item) for item in found]


def test_two_objects_for_one_task_are_found() -> None:
    """The host compares tasks by identity; a DAG that makes a new object per look-up does not pass."""
    document = example_documents()["example_bash_operator"]
    stock, forgetful = (deserialized(document, load_op_links=False) for _ in range(2))
    fresh = deserialized(document, load_op_links=False)
    first = stock.task_ids[0]
    forgetful.task_dict[first] = fresh.get_task(first)
    found = compare_dags(stock, forgetful)
    assert any("task.dag is the DAG" in difference.where for difference in found)
