"""The document taken apart, and what is refused on the way."""

from __future__ import annotations

from collections import UserDict
from time import process_time
from typing import Any

import pytest
from hypothesis import given

from sched_cache.errors import InvalidDagError
from sched_cache.format import ABSENT, decode_dag, encode_dag
from sched_cache.format.document import read_document
from sched_cache.format.fields import TASK_DEFAULTS
from tests.support.format.documents import damaged_documents, document, documents, garbage, task
from tests.support.format.exact import assert_same

HUGE = 10**5000
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]
LOOP: dict[str, Any] = {}
LOOP["loop"] = LOOP


def _with_dag(**dag: Any) -> dict[str, Any]:
    return {"__version": 3, "dag": dag}


@pytest.mark.parametrize(
    ("serialized", "dag_id", "field", "reason"),
    [
        (None, None, "document", "is a NoneType, expected an object"),
        ([], None, "document", "is a list, expected an object"),
        ("{}", None, "document", "is a str"),
        (b"{}", None, "document", "is a bytes"),
        ({}, None, "dag", "is a NoneType, expected an object"),
        ({"dag": []}, None, "dag", "is a list"),
        (_with_dag(tasks=[]), None, "dag.dag_id", "is None, expected a name"),
        (_with_dag(dag_id="", tasks=[]), None, "dag.dag_id", "is '', expected a name"),
        (_with_dag(dag_id=7, tasks=[]), None, "dag.dag_id", "is 7, expected a name"),
        (_with_dag(_dag_id=None, tasks=[]), None, "dag._dag_id", "is None, expected a name"),
        pytest.param(_with_dag(dag_id=HUGE), None, "dag.dag_id", "is <int>", id="huge dag_id"),
        pytest.param(_with_dag(dag_id=DEEP), None, "dag.dag_id", "is <list>", id="deep dag_id"),
        (_with_dag(dag_id="d"), "d", "dag.tasks", "is a NoneType, expected an array"),
        (_with_dag(dag_id="d", tasks={}), "d", "dag.tasks", "is a dict"),
        (_with_dag(dag_id="d", tasks="ab"), "d", "dag.tasks", "is a str"),
        (_with_dag(dag_id="d", tasks=b""), "d", "dag.tasks", "is a bytes"),
        (_with_dag(dag_id="d", tasks=["a"]), "d", "dag.tasks[0]", "is a str, expected an object"),
        (_with_dag(dag_id="d", tasks=[{}]), "d", "dag.tasks[0].task_id", "is None, expected a name"),
        (_with_dag(dag_id="d", tasks=[{"__var": {}}]), "d", "dag.tasks[0].task_id", "is None"),
        (
            _with_dag(dag_id="d", tasks=[{"task_id": "a"}, {"task_id": 1}]),
            "d",
            "dag.tasks[1].task_id",
            "is 1",
        ),
        (document(["a", "b", "a"]), "d", "dag.tasks", "more than one task 'a'"),
        (document([{"task_id": "a", 1: 2}]), "d", "dag.tasks", "name is not a string"),
        (document([task("a", ["b"])]), "d", "dag.tasks[0].downstream_task_ids", "unknown task 'b'"),
        (document([task("a", [1])]), "d", "dag.tasks[0].downstream_task_ids", "unknown task 1"),
        (document([task("a", [["a"]])]), "d", "dag.tasks[0].downstream_task_ids", "unknown task <list>"),
        pytest.param(
            document([task("a", [HUGE])]),
            "d",
            "dag.tasks[0].downstream_task_ids",
            "task <int>",
            id="huge edge",
        ),
        pytest.param(
            document([task("a", [DEEP])]),
            "d",
            "dag.tasks[0].downstream_task_ids",
            "task <list>",
            id="deep edge",
        ),
        (document([task("a", downstream_task_ids="a")]), "d", "dag.tasks[0].downstream_task_ids", "is a str"),
        (
            document([task("a", downstream_task_ids=None)]),
            "d",
            "dag.tasks[0].downstream_task_ids",
            "NoneType",
        ),
        (document([task("a", ["a"]), task("b", _downstream_task_ids=[])]), "d", "dag.tasks", "edges under"),
        (document(["a"], x=float("nan")), "d", "dag.x", "nan is not a finite number"),
        (document([task("a", x=[{"y": float("inf")}])]), "d", "dag.tasks[*].x.y", "inf is not"),
        ({**document(["a"]), "beside": -float("inf")}, "d", "document.beside", "-inf is not"),
        ({**document(["a"]), 1: 2}, "d", "document", "key 1 is not a string"),
        ({"dag": {**document(["a"])["dag"], None: 2}}, "d", "dag", "key None is not a string"),
        (document([task("a", x={1: 2})]), "d", "dag.tasks[*].x", "key 1 is not a string"),
        (document([task("a", partial_kwargs={1: 2})]), "d", "dag.tasks[*].partial_kwargs", "key 1"),
        (
            _with_dag(dag_id="d", tasks=[{"__type": {1: 2}, "__var": {"task_id": "a"}}]),
            "d",
            "dag.tasks[*]",
            "key 1",
        ),
        (document(["a"], x={1, 2}), "d", "dag.x", "a set is not a JSON value"),
        (document(["a"], x=UserDict(a=1)), "d", "dag.x", "a UserDict is not a JSON value"),
        pytest.param(document(["a"], x=DEEP), "d", "dag.x", "nested deeper than 200", id="deep field"),
        pytest.param(
            document([task("a", x=DEEP)]), "d", "dag.tasks[*].x", "nested deeper", id="deep task field"
        ),
        pytest.param(document(["a"], x=LOOP), "d", "dag.x.loop", "nested deeper", id="loop"),
    ],
)
def test_a_document_that_is_no_dag_is_refused(
    serialized: Any, dag_id: str | None, field: str, reason: str
) -> None:
    """`InvalidDagError` names the DAG, as far as it has a name, the field and what is wrong with it."""
    with pytest.raises(InvalidDagError) as caught:
        encode_dag(serialized)
    assert caught.value.dag_id == dag_id
    assert caught.value.field.startswith(field)
    assert reason in caught.value.reason and reason in str(caught.value)


@given(damaged_documents() | garbage)
def test_anything_is_encoded_exactly_or_refused(serialized: Any) -> None:
    """Any input is either encoded and restored exactly, or refused with `InvalidDagError`."""
    try:
        encoded = encode_dag(serialized)
    except InvalidDagError as error:
        assert error.field and error.reason in str(error)
    else:
        assert_same(decode_dag(encoded.hot, encoded.cold).to_serialized(), serialized)


def test_a_duplicate_in_a_large_dag_is_found_at_once() -> None:
    """Naming the duplicate takes one pass, not one for each task."""
    ids = [f"t{number}" for number in range(20_000)]
    start = process_time()
    with pytest.raises(InvalidDagError, match="'t19999'"):
        read_document(document([*ids, "t19999"]))
    assert process_time() - start < 2


def test_structure_is_told_apart_from_fields() -> None:
    """Both spellings of a structural key may be there: the newer one is the structure, the other a field."""
    read = read_document(
        _with_dag(dag_id="new", _dag_id="old", tasks=[], task_group={"children": {}}, _task_group=1, x=2)
    )
    assert (read.dag_id, read.dag_id_name, read.group_name) == ("new", "dag_id", "task_group")
    assert read.dag_fields == {"_dag_id": "old", "_task_group": 1, "x": 2}
    assert read.outer == {"__version": 3}


def test_partial_kwargs_become_columns() -> None:
    """Each keyword is a field of its own; what is not a plain object of keywords stays whole."""
    read = read_document(
        document(
            [
                task("plain", partial_kwargs={"pool": "p", "retries": None}),
                task("typed", partial_kwargs={"__type": "dict", "__var": {}}),
                task("null", partial_kwargs=None),
                task("none"),
            ]
        )
    )
    assert read.has_split_partials
    assert read.column("partial_kwargs.pool") == ["p", ABSENT, ABSENT, ABSENT]
    assert read.column("partial_kwargs.retries") == [None, ABSENT, ABSENT, ABSENT]
    assert read.column("partial_kwargs") == [{}, {"__type": "dict", "__var": {}}, None, ABSENT]


def test_a_field_that_looks_like_a_split_keyword_prevents_splitting() -> None:
    """A document may have a field named `partial_kwargs.pool` itself; then the two cannot be mixed up."""
    serialized = document([{"task_id": "a", "partial_kwargs.pool": 1, "partial_kwargs": {"pool": 2}}])
    assert not read_document(serialized).has_split_partials
    encoded = encode_dag(serialized)
    assert_same(decode_dag(encoded.hot, encoded.cold).to_serialized(), serialized)


def test_effective_values_have_an_order_of_precedence() -> None:
    """A task's own, else its `partial_kwargs`, else `client_defaults`, else the schema's default."""
    serialized = document(
        [
            task("own", retries=1, partial_kwargs={"retries": 2}),
            task("partial", partial_kwargs={"retries": 2}),
            "none",
        ]
    )
    assert read_document(serialized).effective("retries") == [1, 2, 0]
    serialized["client_defaults"] = {"tasks": {"retries": 3}}
    assert read_document(serialized).effective("retries") == [1, 2, 3]


@given(documents())
def test_writer_and_reader_agree_on_effective_values(serialized: dict[str, Any]) -> None:
    """Derived columns rest on the same values that a reader of the hot part sees."""
    read = read_document(serialized)
    encoded = encode_dag(serialized)
    dag = decode_dag(encoded.hot, encoded.cold)
    for name in TASK_DEFAULTS:
        if name == "partial_kwargs":
            continue  # split into columns by the one, put together by the other
        assert_same([dag.effective(index, name) for index in range(dag.n_tasks)], read.effective(name))


@given(documents())
def test_nothing_in_the_document_is_changed(serialized: dict[str, Any]) -> None:
    """The caller's document stays as it was."""
    before = repr(serialized)
    encode_dag(serialized)
    assert repr(serialized) == before
