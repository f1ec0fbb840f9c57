"""The words of the installed release are known, and one of each kind that is not leaves its part, and no other."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from airflow.jobs.job import Job
from airflow.models import expandinput
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.serialization import enums
from airflow.serialization.serialized_objects import SerializedBaseOperator, SerializedDAG
from airflow.ti_deps.deps.base_ti_dep import BaseTIDep
from airflow.utils import state
from sqlalchemy import Column, Integer, MetaData, UniqueConstraint
from sqlalchemy.schema import SchemaItem

from sched_cache_airflow.hosts.contract import CONTENTS, DAG_ROWS, DECISIONS, JOBS
from sched_cache_airflow.hosts.installed import host_named
from sched_cache_airflow.hosts.shared import host_words
from sched_cache_airflow.hosts.vocabulary import Vocabulary
from sched_cache_airflow.process.state import ProcessState
from sched_cache_airflow.releases import host_version, release_of
from sched_cache_airflow.settings.hold import hold

RELEASE = release_of(host_version() or "")
assert RELEASE is not None
HOST = host_named(RELEASE.host.name)

_LOST_MODULE = SimpleNamespace(name="lost")

Plant = Callable[[pytest.MonkeyPatch], None]


class Lost(BaseTIDep):
    """A dependency of no release."""


def _new_member(module: Any, name: str) -> Plant:
    return lambda patch: patch.setattr(module, name, [*getattr(module, name), "lost"])


def _new_state(name: str) -> Plant:
    return lambda patch: patch.setattr(state.State, name, getattr(state.State, name) | {"lost"})


def _schedulable(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("airflow.ti_deps.dependencies_states.SCHEDULEABLE_STATES", frozenset({None, "lost"}))


def _rule(patch: pytest.MonkeyPatch) -> None:
    try:
        rules = import_module("airflow.task.trigger_rule").TriggerRule
    except ModuleNotFoundError:
        rules = import_module("airflow.utils.trigger_rule").TriggerRule
    found = {*rules.all_triggers(), "lost"}
    patch.setattr(rules, "all_triggers", classmethod(lambda cls: found))


def _asked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("airflow.ti_deps.dep_context.DepContext", lambda: SimpleNamespace(deps={Lost()}))


def _of_every_task(patch: pytest.MonkeyPatch) -> None:
    task = SerializedBaseOperator(task_id="any")
    deps = task.deps | {Lost()}
    if "deps" in vars(task):
        _with_attributes(patch, deps=deps)
    else:
        patch.setattr(SerializedBaseOperator, "deps", deps)


def _attribute(patch: pytest.MonkeyPatch) -> None:
    _with_attributes(patch, lost=1)


def _with_attributes(patch: pytest.MonkeyPatch, **attributes: Any) -> None:
    original = SerializedBaseOperator.__init__

    @wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        for name, value in attributes.items():
            object.__setattr__(self, name, value)

    patch.setattr(SerializedBaseOperator, "__init__", __init__)


def _field(owner: Any) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        found = {*owner.get_serialized_fields(), "lost"}
        patch.setattr(owner, "get_serialized_fields", classmethod(lambda cls: found))

    return plant


def _with(model: Any, *items: Callable[[], SchemaItem]) -> Plant:
    """columns and keys that the table of `model` gets."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        table = model.__table__.to_metadata(MetaData())
        for make in items:
            item = make()
            add = table.append_column if isinstance(item, Column) else table.append_constraint
            add(item)
        patch.setattr(model, "__table__", table)

    return plant


def _lost() -> SchemaItem:
    return Column("lost", Integer)


def _key_of_a_try() -> SchemaItem:
    return UniqueConstraint("dag_id", "task_id", "run_id", "map_index", "try_number")


def _doubt(patch: pytest.MonkeyPatch, part: str) -> None:
    """The process has found a new word."""
    for each in HOST.vocabulary.parts:
        patch.setitem(HOST.vocabulary._unseen, each, "a new word" if each == part else "")


class VocabularyContract:
    def test_every_word_of_the_host_is_known(self) -> None:
        """If a word is named here, `vocabulary.py` of the host lacks it: see "Add an Airflow release"."""
        found = Vocabulary(HOST.vocabulary.parts)
        assert {part: found.doubt(part) for part in found.parts} == dict.fromkeys(found.parts, "")

    @pytest.mark.parametrize(
        ("plant", "part", "found"),
        [
            pytest.param(_new_member(state, "TaskInstanceState"), DECISIONS, "state lost", id="state"),
            pytest.param(_new_state("unfinished"), DECISIONS, "unfinished state lost", id="unfinished state"),
            pytest.param(_new_state("finished"), DECISIONS, "finished state lost", id="finished state"),
            pytest.param(_schedulable, DECISIONS, "schedulable state lost", id="schedulable state"),
            pytest.param(_rule, DECISIONS, "trigger rule lost", id="trigger rule"),
            pytest.param(_asked_for, DECISIONS, f"dependency {__name__}.Lost", id="dependency"),
            pytest.param(_of_every_task, DECISIONS, f"dependency {__name__}.Lost", id="dependency of a task"),
            pytest.param(
                lambda patch: patch.setattr(host_words, "iter_modules", lambda path: [_LOST_MODULE]),
                DECISIONS,
                "module of dependencies lost",
                id="module of dependencies",
            ),
            pytest.param(
                lambda patch: patch.setitem(expandinput._EXPAND_INPUT_TYPES, "lost", object),
                DECISIONS,
                "expansion lost",
                id="expansion",
            ),
            pytest.param(
                _with(TaskInstance, _lost), DECISIONS, "column of task_instance lost", id="task_instance"
            ),
            pytest.param(_with(DagRun, _lost), DECISIONS, "column of dag_run lost", id="dag_run"),
            pytest.param(
                _with(TaskInstance, _key_of_a_try),
                DECISIONS,
                "unique keys of task_instance (dag_id, map_index, run_id, task_id),"
                " (dag_id, map_index, run_id, task_id, try_number)",
                id="unique keys",
            ),
            pytest.param(_field(SerializedBaseOperator), CONTENTS, "field of a task lost", id="field"),
            pytest.param(_attribute, CONTENTS, "attribute of a task lost", id="attribute"),
            pytest.param(_field(SerializedDAG), CONTENTS, "field of a DAG lost", id="field of a DAG"),
            pytest.param(
                _new_member(enums, "DagAttributeTypes"), CONTENTS, "type in a document lost", id="type"
            ),
            pytest.param(
                _with(SerializedDagModel, _lost), CONTENTS, "column of serialized_dag lost", id="contents"
            ),
            pytest.param(_with(DagModel, _lost), DAG_ROWS, "column of dag lost", id="dag"),
            pytest.param(_with(Job, _lost), JOBS, "column of job lost", id="job"),
        ],
    )
    def test_a_word_that_is_not_leaves_its_part_alone(
        self, plant: Plant, part: str, found: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The part is named by the word, and no other part is concerned."""
        plant(monkeypatch)
        vocabulary = Vocabulary(HOST.vocabulary.parts)
        doubts = {name: vocabulary.doubt(name) for name in vocabulary.parts}
        assert doubts.pop(part).removesuffix(", (id)") == f"no tested release has {found}", vocabulary.doubt(
            part
        )
        assert not any(doubts.values()), doubts

    @pytest.mark.parametrize("part", [DAG_ROWS, DECISIONS])
    def test_rows_of_dags_with_a_new_column_are_left_to_the_host(
        self, part: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _doubt(monkeypatch, part)
        versions = import_module(f"{RELEASE.host.folder}.dags.current_versions").Versions()
        session = MagicMock()
        dag_run = SimpleNamespace(dag_id="a", bundle_version=None, created_dag_version_id=None)
        versions.read_for([dag_run], session)
        assert session.scalars.called == (part != DAG_ROWS)

    @pytest.mark.parametrize("part", [JOBS, DECISIONS])
    def test_tables_in_another_database_are_not_used_without_their_owner(
        self, part: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another Airflow that uses them would not be noticed."""
        _doubt(monkeypatch, part)
        monkeypatch.setattr(hold, "reason", "")
        state = MagicMock(_host=HOST)
        look = ProcessState._look_for_owner(state, MagicMock())
        look()
        assert state.contents.drop.called == (part == JOBS)
        assert hold.reason == ("no tested release has a new word" if part == JOBS else "")
        assert state._look.called == (part != JOBS)
