"""The tables of hot fields, and moving fields in and out of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sched_cache.errors import ConfigError
from sched_cache.format import HotFields, decode_dag, encode_dag
from sched_cache.format.fields import (
    HOT_DAG_FIELDS,
    HOT_GROUP_FIELDS,
    HOT_TASK_FIELDS,
    OLDER_TASK_NAMES,
    TASK_DEFAULTS,
)
from tests.support.format.documents import document, documents, task
from tests.support.format.exact import assert_same

TABLES = (HOT_TASK_FIELDS, HOT_DAG_FIELDS, HOT_GROUP_FIELDS)


@pytest.mark.parametrize("table", TABLES)
def test_a_field_stands_once_and_names_its_reader(table: tuple[object, ...]) -> None:
    """No spelling is claimed by two rows, and each row says which code of the host reads the field."""
    names = [name for field in table for name in (field.name, *field.older_names)]  # type: ignore[attr-defined]  # rows of any table
    assert len(names) == len(set(names))
    assert all(field.read_by for field in table)  # type: ignore[attr-defined]  # rows of any table


def test_defaults_and_older_spellings_follow_from_the_table() -> None:
    """The look-ups that `effective` uses cannot drift from the readable table."""
    assert {field.name for field in HOT_TASK_FIELDS} == set(TASK_DEFAULTS)
    assert OLDER_TASK_NAMES["max_active_tis_per_dag"] == ("task_concurrency",)
    assert TASK_DEFAULTS["retry_delay"] == 300.0 and TASK_DEFAULTS["pool"] == "default_pool"


def test_partial_kwargs_are_as_hot_as_the_fields_they_set() -> None:
    """A mapped task's pool is read as often as any other pool."""
    hot = HotFields()
    for name in ("pool", "doc_md"):
        assert hot.is_hot_task_field(f"partial_kwargs.{name}") == hot.is_hot_task_field(name)


def test_include_and_exclude_move_fields() -> None:
    """An included field is read without the cold part, an excluded one needs it; their values are the same."""
    serialized = document([task("a", pool="p", doc_md="text")], catchup=True, description="words")
    chosen = HotFields.choose(
        include=["task.doc_md", "dag.description"], exclude=["task.pool", "dag.catchup"]
    )
    encoded = encode_dag(serialized, chosen)
    hot_only = decode_dag(encoded.hot)
    assert hot_only.value(0, "doc_md") == "text" and hot_only.field("description") == "words"
    assert hot_only.cold_column_names == {"pool"} and hot_only.cold_field_names == {"catchup"}
    whole = decode_dag(encoded.hot, encoded.cold)
    assert whole.value(0, "pool") == "p" and whole.field("catchup") is True
    assert_same(whole.to_serialized(), serialized)


@given(documents(), st.randoms())
def test_no_choice_loses_a_field(serialized: dict[str, object], random: object) -> None:
    """Whichever fields are hot, none or all of them, the document comes back."""
    dag_fields = serialized["dag"]
    assert isinstance(dag_fields, dict)
    names = sorted({name for row in dag_fields["tasks"] for name in (row.get("__var") or row)} | {"pool"})
    task_names = frozenset(random.sample(names, random.randint(0, len(names))))  # type: ignore[attr-defined]  # a Random
    for chosen in (HotFields(task_names, frozenset(dag_fields)), HotFields(frozenset(), frozenset())):
        encoded = encode_dag(serialized, chosen)
        assert_same(decode_dag(encoded.hot, encoded.cold).to_serialized(), serialized)


@pytest.mark.parametrize("option", ["include", "exclude"])
@pytest.mark.parametrize(
    "name",
    [
        "pool",
        "",
        "task.",
        "dag.",
        "group.x",
        "task.task_id",
        "task.downstream_task_ids",
        "task.partial_kwargs",
    ],
)
def test_a_name_that_cannot_move_is_refused(option: str, name: str) -> None:
    """Names without a scope, and what the format itself needs, are configuration errors naming the option."""
    with pytest.raises(ConfigError) as caught:
        HotFields.choose(**{option: [name]})
    assert (caught.value.option, caught.value.value) == (f"hot_{option}", name)
