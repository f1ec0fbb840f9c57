"""A DAG as a 1.10 scheduler knows it; `tests/airflow1` compares it with the real one."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.serialized import generate_document
from bench.shapes import SHAPES
from sched_cache.errors import FormatError
from sched_cache.format import CompactDag, compress, decode_dag, decompress, encode_dag
from sched_cache.format.messagepack import pack, unpack
from sched_cache_airflow.simple_dag import SimpleDag

_DOCUMENTS = Path(__file__).parents[3] / "golden" / "documents"
_FIELDS = ("dag_id", "task_ids", "full_filepath", "concurrency", "pickle_id", "task_special_args")


def compact(**fields: Any) -> CompactDag:
    tasks = [{"task_id": "a"}, {"task_id": "b", "task_concurrency": 2}, {"task_id": "c"}]
    document = {"__version": 1, "dag": {"_dag_id": "d", "fileloc": "/dags/d.py", "tasks": tasks, **fields}}
    return decode_dag(encode_dag(document).hot)


def test_it_says_what_a_compact_dag_says() -> None:
    dag = compact(_concurrency=4)
    simple = SimpleDag(dag, pickle_id=7)
    assert {name: getattr(simple, name) for name in _FIELDS} == {
        "dag_id": "d",
        "task_ids": ["a", "b", "c"],
        "full_filepath": "/dags/d.py",
        "concurrency": 4,
        "pickle_id": 7,
        "task_special_args": {"b": {"task_concurrency": 2}},
    }
    assert simple.task_ids is simple.task_ids


def test_it_says_the_same_of_a_dag_with_the_attributes_of_the_host() -> None:
    """So that a processor that makes `SimpleDag(dag)` runs unchanged."""
    limits = {"a": None, "b": 2, "c": None}
    tasks = [SimpleNamespace(task_id=name, task_concurrency=limit) for name, limit in limits.items()]
    dag = SimpleNamespace(dag_id="d", tasks=tasks, full_filepath="/dags/d.py", concurrency=4)
    of_host, of_compact = SimpleDag(dag, 7), SimpleDag(compact(_concurrency=4), 7)
    assert [getattr(of_host, name) for name in _FIELDS] == [getattr(of_compact, name) for name in _FIELDS]


@pytest.mark.parametrize("path", sorted(_DOCUMENTS.glob("*-fields.json")), ids=lambda path: path.stem)
def test_every_release_is_read(path: Path) -> None:
    """A cluster that is being upgraded has documents of several."""
    simple = SimpleDag(decode_dag(encode_dag(json.loads(path.read_text())).hot))
    assert simple.task_ids == ["wait", "choose", "run", "skip", "join"]
    assert simple.full_filepath == "/dags/fields.py"
    assert simple.task_special_args == {"join": {"task_concurrency": 3}}


@pytest.mark.parametrize(
    "name", ["concurrency", "_concurrency", "_max_active_tasks", "max_active_tasks"], ids=str
)
def test_concurrency_is_found_under_every_name_it_had(name: str) -> None:
    assert SimpleDag(compact(**{name: 3})).concurrency == 3


def test_concurrency_that_no_document_says_is_the_installations() -> None:
    """Writers leave out what is the default of their configuration."""
    assert SimpleDag(compact()).concurrency == 16
    assert SimpleDag(compact(), default_concurrency=32).concurrency == 32
    assert SimpleDag(compact(_concurrency=0), default_concurrency=32).concurrency == 0


@pytest.mark.parametrize(
    ("task_id", "name", "value"),
    [("b", "task_concurrency", 2), ("b", "other", None), ("a", "task_concurrency", None), ("x", "y", None)],
)
def test_a_special_argument_that_is_not_there_is_none(task_id: str, name: str, value: int | None) -> None:
    assert SimpleDag(compact()).get_task_special_arg(task_id, name) == value


@pytest.mark.parametrize("pickle_id", [None, 12, "twelve"])
def test_it_comes_back_from_its_bytes(pickle_id: object) -> None:
    simple = SimpleDag(compact(_concurrency=4), pickle_id)
    back = SimpleDag.unpack(simple.pack())
    assert [getattr(back, name) for name in _FIELDS] == [getattr(simple, name) for name in _FIELDS]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_thousand_tasks_take_a_fifth_of_their_pickle(shape: str) -> None:
    """Of what the host's object holds, by the newest protocol; its own pickle is larger."""
    simple = SimpleDag(decode_dag(encode_dag(generate_document(shape, 1000)).hot))
    pickled = pickle.dumps({f"_{name}": getattr(simple, name) for name in _FIELDS}, pickle.HIGHEST_PROTOCOL)
    assert len(simple.pack()) * 5 <= len(pickled)


@pytest.mark.parametrize("transport", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_is_never_pickled(transport: Any) -> None:
    with pytest.raises(TypeError, match="travels as MessagePack"):
        transport(SimpleDag(compact()))


def test_every_truncation_is_told() -> None:
    data = SimpleDag(compact()).pack()
    for end in range(len(data)):
        with pytest.raises(FormatError):
            SimpleDag.unpack(data[:end])


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, 2),
        (0, True),
        (1, None),
        (2, 5),
        (3, "many"),
        (4, 1.5),
        (5, "abc"),
        (5, ["a", 1, "c"]),
        (6, b"\x03"),
        (6, b"\x00\x01"),
        (7, [None]),
        (7, {}),
    ],
)
def test_each_value_is_checked(place: int, value: object) -> None:
    """Bytes from a pipe or a queue may come from any process."""
    fields = unpack(decompress(SimpleDag(compact()).pack(), 10_000), "test")
    fields[place] = value
    with pytest.raises(FormatError):
        SimpleDag.unpack(compress(pack(fields)))


def test_limited_tasks_stand_in_order_and_once() -> None:
    fields = unpack(decompress(SimpleDag(compact()).pack(), 10_000), "test")
    fields[6:] = [b"\x01\x01", [1, 2]]
    with pytest.raises(FormatError, match="not in order"):
        SimpleDag.unpack(compress(pack(fields)))


def test_nothing_larger_than_allowed_is_unpacked() -> None:
    data = SimpleDag(decode_dag(encode_dag(generate_document("chain", 1000)).hot)).pack()
    with pytest.raises(FormatError, match="limit"):
        SimpleDag.unpack(data, max_bytes=1000)
