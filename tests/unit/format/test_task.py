"""One task as an object."""

from __future__ import annotations

import copy

import pytest

from sched_cache.format import CompactTask, decode_dag, encode_dag
from tests.support.format.documents import document, task

ENCODED = encode_dag(
    document(
        [
            task("a", ["b", "c"], retries=2, doc_md="text", start_date=None),
            task("b", ["c"], partial_kwargs={"pool": "p"}),
            task("c"),
        ]
    )
)


def test_attributes_are_the_fields_as_the_host_sees_them() -> None:
    """Own values, those of `partial_kwargs`, defaults; edges by name."""
    dag = decode_dag(ENCODED.hot, ENCODED.cold)
    a, b, c = map(dag.task, "abc")
    assert (a.task_id, a.retries, a.doc_md, a.start_date, a.pool) == ("a", 2, "text", None, "default_pool")
    assert (b.retries, b.pool, b.trigger_rule) == (0, "p", "all_success")
    assert (
        a.downstream_task_ids == ["b", "c"]
        and c.upstream_task_ids == ["a", "b"]
        and c.downstream_task_ids == []
    )
    assert a.dag is dag and c.index == 2
    assert repr(b) == "CompactTask('d', 'b')"


@pytest.mark.parametrize("name", ["no_such_field", "doc_md", "__deepcopy__", "__wrapped__"])
def test_an_attribute_that_no_field_gives_is_an_attribute_error(name: str) -> None:
    """So that `hasattr` and `getattr` with a default work; names of the language are never looked up."""
    c = decode_dag(ENCODED.hot, ENCODED.cold).task("c")
    assert not hasattr(c, name)
    assert getattr(c, name, 7) == 7
    with pytest.raises(AttributeError, match=name):
        getattr(c, name)


def test_tasks_are_read_only_views() -> None:
    """There is nowhere to put another attribute, and a field cannot be overwritten."""
    c = decode_dag(ENCODED.hot).task("c")
    with pytest.raises(AttributeError):
        c.pool = "other"  # type: ignore[misc]  # that is the point
    with pytest.raises(AttributeError):
        c.task_id = "other"  # type: ignore[misc]  # that is the point


def test_a_copy_is_a_view_of_the_same_dag() -> None:
    """Copying asks a half-made object for attributes, which must not ask for themselves."""
    c = decode_dag(ENCODED.hot).task("c")
    copied = copy.copy(c)
    assert (copied.dag, copied.task_id) == (c.dag, "c")
    with pytest.raises(AttributeError, match="dag"):
        CompactTask.__new__(CompactTask).pool  # noqa: B018
