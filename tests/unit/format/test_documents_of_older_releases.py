"""Documents that Airflow 1.10 to 3.0 wrote: they come back exactly, and are read under today's names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sched_cache.format import CompactDag, decode_dag, encode_dag
from tests.support.format.exact import assert_same

_FOLDER = Path(__file__).parents[2] / "golden" / "documents"
_FILES = sorted(_FOLDER.glob("*.json"))


def _read(path: Path) -> Any:
    return json.loads(path.read_text())


def _compact(path: Path) -> CompactDag:
    return decode_dag(encode_dag(_read(path)).hot)


def _named(dag_id: str) -> Any:
    files = [path for path in _FILES if path.stem.endswith(f"-{dag_id}")]
    return pytest.mark.parametrize("path", files, ids=lambda path: path.stem)


def test_every_release_is_there() -> None:
    releases = {path.stem.split("-")[1] for path in _FILES}
    assert releases == {"1.10.15", "2.2.5", "2.6.3", "2.11.2", "3.0.6"}
    assert len(_FILES) == 13


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_document_comes_back_exactly(path: Path) -> None:
    document = _read(path)
    encoded = encode_dag(document)
    assert_same(decode_dag(encoded.hot, encoded.cold).to_serialized(), document)


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_version_is_told(path: Path) -> None:
    assert _compact(path).serialized_version == (2 if "-3.0" in path.stem else 1)


@_named("fields")
def test_edges_are_found_under_any_name(path: Path) -> None:
    dag = _compact(path)
    downstream = {task_id: dag.task(task_id).downstream_task_ids for task_id in dag.task_ids}
    assert downstream == {
        "wait": ["choose"],
        "choose": ["run", "skip"],
        "run": ["join"],
        "skip": ["join"],
        "join": [],
    }


@_named("fields")
def test_fields_of_a_task_are_found_under_todays_names(path: Path) -> None:
    """This holds for the names of every release. Durations are in seconds, as in all releases."""
    run = _compact(path).task("run")
    found = {
        name: getattr(run, name)
        for name in (
            "task_type",
            "owner",
            "email",
            "email_on_retry",
            "email_on_failure",
            "retries",
            "retry_delay",
            "retry_exponential_backoff",
            "max_retry_delay",
            "execution_timeout",
            "pool",
            "pool_slots",
            "queue",
            "priority_weight",
            "weight_rule",
            "depends_on_past",
            "wait_for_downstream",
            "run_as_user",
            "trigger_rule",
            "start_date",
            "is_setup",
            "_is_mapped",
        )
    }
    assert_same(
        found,
        {
            "task_type": "BashOperator",
            "owner": "data",
            "email": ["a@example.com"],
            "email_on_retry": False,
            "email_on_failure": True,
            "retries": 2,
            "retry_delay": 90.0,
            "retry_exponential_backoff": True,
            "max_retry_delay": 3600.0,
            "execution_timeout": 600.0,
            "pool": "limited",
            "pool_slots": 2,
            "queue": "big",
            "priority_weight": 7,
            "weight_rule": "upstream",
            "depends_on_past": True,
            "wait_for_downstream": True,
            "run_as_user": "worker",
            "trigger_rule": "all_success",
            "start_date": 1706745600.0,
            "is_setup": False,
            "_is_mapped": False,
        },
    )


@_named("fields")
def test_concurrency_of_a_task_is_found_under_its_old_name(path: Path) -> None:
    """`task_concurrency` until 2.1."""
    dag = _compact(path)
    assert dag.task("join").max_active_tis_per_dag == 3
    assert dag.task("run").max_active_tis_per_dag is None


@_named("fields")
def test_derived_columns_do_not_depend_on_the_release(path: Path) -> None:
    dag = _compact(path)
    assert list(dag.derived_column("weight.downstream")) == [11, 10, 8, 2, 1]
    assert list(dag.derived_column("weight.upstream")) == [1, 2, 9, 3, 11]
    assert dag.derived_value("effective_leaves") == [4]
    assert dag.derived_value("earliest_start") == 1704067200.0
    assert dag.derived_value("latest_end") == 1893456000.0


@_named("fields")
def test_sensors_are_told(path: Path) -> None:
    """By `_is_sensor` since version 2, by their dependencies before; 1.10 wrote neither."""
    dag = _compact(path)
    sensors = [task_id for task_id in dag.task_ids if dag.task(task_id)._is_sensor]
    assert sensors == ([] if "-1.10" in path.stem else ["wait"])


@_named("fields")
def test_empty_tasks_are_told(path: Path) -> None:
    """As hosts after the upgrade tell them: none of these knows `_is_dummy` of 2.2."""
    dag = _compact(path)
    empty = [task_id for task_id in dag.task_ids if dag.task(task_id)._is_empty]
    assert empty == ([] if "-1.10" in path.stem or "-2.2" in path.stem else ["skip"])


@_named("fields")
def test_what_a_scheduler_reads_is_hot_under_any_name(path: Path) -> None:
    older = {"_outlets", "_inlets", "deps", "task_concurrency", "_task_type"}
    assert not older & _compact(path).cold_column_names


@_named("nested_groups")
def test_groups_are_known_by_their_full_ids(path: Path) -> None:
    dag = _compact(path)
    groups = dag.groups()
    assert groups is not None
    group_of = {task_id: dag.derived_column("group")[dag.index(task_id)] for task_id in dag.task_ids}
    ids = {task_id: list(groups.columns["_group_id"])[row] for task_id, row in group_of.items()}
    assert ids == {
        "start": None,
        "outer.first": "outer",
        "outer.inner.second": "inner",
        "third": "plain",
    }


@_named("mapped")
def test_mapped_tasks_and_groups_are_told(path: Path) -> None:
    dag = _compact(path)
    assert [task_id for task_id in dag.task_ids if dag.task(task_id)._is_mapped] == ["bash", "double"]
    assert dag.task("double").pool == "limited"
    assert dag.task("double").retries == 1
    mapped_group = dag.derived_column("mapped_group")
    in_group = [task_id for row, task_id in zip(mapped_group, dag.task_ids, strict=True) if type(row) is int]
    assert in_group == ["per_number.in_group"]
    simple = dict(zip(dag.task_ids, dag.derived_column("simple"), strict=True))
    assert simple == {"bash": False, "numbers": True, "double": False, "per_number.in_group": False}
