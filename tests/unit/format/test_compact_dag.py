"""A decoded DAG."""

from __future__ import annotations

import gc
import sys
import tracemalloc
import weakref
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from hypothesis import given

from sched_cache.errors import ColdPartMissingError, FormatError
from sched_cache.format import ABSENT, CompactDag, CompactTask, compact_dag, decode_dag, encode_dag
from tests.support.format.accessors import accessors, refusals
from tests.support.format.documents import document, documents, task
from tests.support.format.exact import assert_same
from tests.support.format.layered import layered_document

PLAIN = document(
    [task("extract", ["load"], retries=2, doc_md="cold"), task("load", pool=None)],
    catchup=True,
    description="cold",
)


def _compact(serialized: dict[str, Any] = PLAIN) -> CompactDag:
    encoded = encode_dag(serialized)
    return decode_dag(encoded.hot, encoded.cold)


@given(documents())
def test_a_document_comes_back_exactly(serialized: dict[str, Any]) -> None:
    """Every version, every spelling: the same JSON, whatever was asked of the DAG before and after."""
    dag = _compact(serialized)
    assert_same(dag.to_serialized(), serialized)
    assert not refusals(dag)
    assert_same(dag.to_serialized(), serialized)


@given(documents())
def test_fields_are_those_of_the_document(serialized: dict[str, Any]) -> None:
    """`value`, `column` and `field` give what stands in the document, and the default where nothing does."""
    dag, missing = _compact(serialized), object()
    rows = [row["__var"] if isinstance(row.get("__var"), dict) else row for row in serialized["dag"]["tasks"]]
    assert dag.n_tasks == len(dag.task_ids) == len(rows)
    for index, row in enumerate(rows):
        assert dag.index(row["task_id"]) == index and dag.task_ids[index] == row["task_id"]
        edges = row.get("downstream_task_ids", row.get("_downstream_task_ids", []))
        assert [dag.task_ids[other] for other in dag.downstream(index)] == edges
        for name in set(row) - {"task_id", "downstream_task_ids", "_downstream_task_ids", "partial_kwargs"}:
            assert_same(dag.value(index, name), row[name])
            assert_same(dag.column(name)[index], row[name])
        assert dag.value(index, "no such field", missing) is missing
    for name in set(serialized["dag"]) - {"dag_id", "_dag_id", "tasks", "task_group", "_task_group"}:
        assert_same(dag.field(name, missing), serialized["dag"][name])
    assert dag.field("no such field", missing) is missing


@given(documents())
def test_tasks_and_fields_may_be_restored_alone(serialized: dict[str, Any]) -> None:
    """One task, or the DAG without its tasks, as it stands in the document."""
    dag = _compact(serialized)
    tasks = serialized["dag"]["tasks"]
    for index in reversed(range(dag.n_tasks)):
        assert_same(dag.serialized_task(index), tasks[index])
    assert_same({**dag.serialized_fields(), "tasks": tasks}, serialized["dag"])
    for index in (-1, dag.n_tasks):
        with pytest.raises(IndexError):
            dag.serialized_task(index)


def test_the_face_of_a_dag() -> None:
    """Names, counts and edges, as the README shows them."""
    dag = _compact()
    assert (dag.dag_id, dag.n_tasks, dag.task_ids) == ("d", 2, ("extract", "load"))
    assert repr(dag) == "CompactDag('d', n_tasks=2)"
    assert dag.index("load") == 1 and dag.upstream(1).tolist() == [0] and dag.downstream(0).tolist() == [1]
    assert dag.value(0, "retries", default=0) == 2 and dag.value(1, "retries", default=0) == 0
    assert list(dag.column("pool")) == [ABSENT, None]
    assert dag.outer("__version") == 3 and dag.outer("no such key") is None


@pytest.mark.parametrize("n_tasks", [0, 1, 8, 9, 300])
def test_any_number_of_tasks(n_tasks: int) -> None:
    """Few tasks are looked up without an index, many with one; an unknown name is a `KeyError` in both."""
    ids = [f"t{number}" for number in range(n_tasks)]
    dag = _compact(document(ids))
    with pytest.raises(KeyError):
        dag.index("unknown at the first look")
    assert [dag.index(task_id) for task_id in ids] == list(range(n_tasks))
    for unknown in ("t", "t300", ""):
        with pytest.raises(KeyError):
            dag.index(unknown)
        with pytest.raises(KeyError):
            dag.task(unknown)
    for index in (-1, n_tasks):
        for call in (dag.upstream, dag.downstream, dag.column("pool").__getitem__):
            with pytest.raises(IndexError):
                call(index)
    assert_same(dag.to_serialized(), document(ids))


def test_a_field_under_its_older_name_is_found_under_todays() -> None:
    """Documents of older releases spell a few fields differently; hot or cold, own or of `partial_kwargs`."""
    dag = _compact(
        document(
            [
                task("a", task_concurrency=3, _task_type="BashOperator"),
                task("b", partial_kwargs={"task_concurrency": 4}),
            ]
        )
    )
    assert dag.value(0, "max_active_tis_per_dag") == 3 and dag.value(0, "task_type") == "BashOperator"
    assert [dag.effective(index, "max_active_tis_per_dag") for index in (0, 1)] == [3, 4]


def test_labels_travel_with_the_hot_part() -> None:
    """Labels that are passed to the encoder are hot, and the hash covers them."""
    plain, labelled = encode_dag(PLAIN), encode_dag(PLAIN, labels={"host_hash": "abc"})
    dag = decode_dag(labelled.hot)
    assert (dag.label("host_hash"), dag.label("other")) == ("abc", None)
    assert decode_dag(plain.hot).label("host_hash") is None
    assert plain.content_hash != labelled.content_hash and plain.cold == labelled.cold
    assert_same(decode_dag(labelled.hot, labelled.cold).to_serialized(), PLAIN)


# The cold part


def test_the_cold_part_is_fetched_once_and_only_on_need() -> None:
    """Nothing that a scheduler asks fetches it; the first cold field does, and the last time too."""
    encoded = encode_dag(PLAIN)
    fetched: list[int] = []

    def fetch() -> bytes:
        fetched.append(1)
        return encoded.cold

    dag = decode_dag(encoded.hot, fetch)
    for name, call in accessors(dag):
        if "doc_md" not in name and "serialized" not in name and name != "tasks":
            call()
    assert dag.cold_column_names == {"doc_md"} and not fetched
    assert dag.value(0, "doc_md") == "cold" and fetched == [1]
    dag.to_serialized()
    assert dag.field("description") == "cold" and fetched == [1]


@pytest.mark.parametrize("cold", [None, lambda: None])
def test_without_a_cold_part_only_cold_fields_fail(cold: Any) -> None:
    """`ColdPartMissingError` names the DAG; hot fields and fields that no task has are still there."""
    dag = decode_dag(encode_dag(PLAIN).hot, cold)
    cold_reads: list[Callable[[], Any]] = [
        dag.to_serialized,
        lambda: dag.value(0, "doc_md"),
        lambda: dag.field("description"),
        lambda: dag.task("extract").doc_md,
    ]
    for read in cold_reads:
        with pytest.raises(ColdPartMissingError) as caught:
            read()
        assert caught.value.dag_id == "d"
    assert dag.value(0, "retries") == 2 and dag.value(0, "never heard of", 7) == 7


def test_a_cold_part_that_comes_later_is_used() -> None:
    """A fetch that found nothing is tried again, and one that raised lets its error through."""
    encoded = encode_dag(PLAIN)
    answers: list[Any] = [None, OSError("down"), encoded.cold]

    def fetch() -> bytes | None:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]  # bytes or None by now

    dag = decode_dag(encoded.hot, fetch)
    with pytest.raises(ColdPartMissingError):
        dag.field("description")
    with pytest.raises(OSError, match="down"):
        dag.field("description")
    assert dag.field("description") == "cold"


def test_the_cold_part_of_another_content_is_refused() -> None:
    """Each hot part names the one cold part it goes with, by digest."""
    other = encode_dag(document(["extract", "load"], description="other"))
    dag = decode_dag(encode_dag(PLAIN).hot, other.cold)
    with pytest.raises(FormatError, match="digest"):
        dag.to_serialized()
    with pytest.raises(FormatError, match="digest"):
        decode_dag(encode_dag(PLAIN).hot, encode_dag(PLAIN).hot).to_serialized()


def test_a_hot_part_of_another_hash_is_refused() -> None:
    """Given the hash it should have, `decode_dag` checks it, and says which it found."""
    encoded = encode_dag(PLAIN)
    assert decode_dag(encoded.hot, content_hash=encoded.content_hash).content_hash == encoded.content_hash
    with pytest.raises(FormatError, match=encoded.content_hash):
        decode_dag(encoded.hot, content_hash="0" * 32)
    trusted = decode_dag(encoded.hot, encoded.cold, content_hash=encoded.content_hash, is_checked=True)
    assert_same(trusted.to_serialized(), PLAIN)


# Identity and threads


def test_a_task_is_the_same_object_every_time() -> None:
    """The host compares tasks by identity; two decoded DAGs have different ones."""
    dag = _compact()
    assert dag.task("load") is dag.task("load") and dag.task("load") is not dag.task("extract")
    assert _compact().task("load") is not dag.task("load")


def test_two_threads_that_ask_first_get_the_same_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """1. One thread finds no such task. 2. Another does, and makes it. 3. The first must get that one.

    Tasks are made under a lock, so the other thread's turn is right before the first gets it.
    """
    dag = _compact()
    of_other: list[CompactTask] = []

    class Lock:
        is_first = True

        def __enter__(self) -> None:
            if self.is_first:
                self.is_first = False
                of_other.append(dag.task("load"))

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(compact_dag, "_making_a_task", Lock())
    assert dag.task("load") is of_other[0] is dag.task("load")


def test_a_dag_that_nobody_holds_is_gone_at_once() -> None:
    """Tasks keep their DAG, not the other way round: an evicted DAG does not wait for the garbage collector."""
    dag = _compact()
    assert dag.task("load").retries == 0
    watched = weakref.ref(dag)
    gc.disable()
    try:
        del dag
        assert watched() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("turn_at", [1, 2, 3])
def test_two_threads_that_need_more_indices_do_not_mix_them_up(
    monkeypatch: pytest.MonkeyPatch, turn_at: int
) -> None:
    """1. One thread sees how many index objects there are. 2. Another adds to them. 3. The first adds, too.

    All DAGs of the process share these objects, so a mistake here would be wrong answers everywhere. The other
    thread's turn is played whenever the first looks at their number.
    """
    small, large = (_compact(document([f"t{n}" for n in range(size)])) for size in (10, 50))
    for dag in (small, large):
        for _ in range(2):  # the next look-up makes the index
            dag.index("t0")
    looks = 0

    class Interleaved(list[int]):
        def __len__(self) -> int:
            nonlocal looks
            length = super().__len__()
            looks += 1
            if looks == turn_at:
                assert _often_looked_up(large, "t49") == 49
            return length

    monkeypatch.setattr(compact_dag, "_shared_indices", Interleaved())
    assert _often_looked_up(small, "t9") == 9 and looks >= 2
    largest = _compact(document([f"t{n}" for n in range(100)]))
    assert [_often_looked_up(largest, f"t{n}") for n in range(100)] == list(range(100))
    assert [large.index(f"t{n}") for n in range(50)] == list(range(50))


def test_threads_may_unpack_at_once() -> None:
    """Whichever thread's section stands, all of them read the same, and no accessor trips over another."""
    encoded = encode_dag(layered_document(60))
    expected = {
        name: repr(call())
        for name, call in accessors(decode_dag(encoded.hot, encoded.cold))
        if _is_plain(name)
    }
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(5):
            dag = decode_dag(encoded.hot, encoded.cold)
            barrier, answers = Barrier(4), []

            def ask(dag: CompactDag = dag, barrier: Barrier = barrier, answers: list[Any] = answers) -> None:
                barrier.wait()
                answer: dict[str, Any] = {
                    name: repr(call()) for name, call in accessors(dag) if _is_plain(name)
                }
                answer["the task"] = dag.task(dag.task_ids[7])
                answers.append(answer)

            threads = [Thread(target=ask) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(answers) == 4
            assert all(answer.pop("the task") is dag.task(dag.task_ids[7]) for answer in answers)
            assert answers == [expected] * 4
    finally:
        sys.setswitchinterval(interval)


def _often_looked_up(dag: CompactDag, task_id: str) -> int:
    """The answer of a DAG that was asked so often that it made an index."""
    [index] = {dag.index(task_id) for _ in range(5)}
    return index


def _is_plain(accessor: str) -> bool:
    """Whether its answer is made of values, not of objects that show their address or of sizes that grow."""
    return accessor not in ("groups", "hot_sections", "names") and not accessor.startswith("nbytes")


# Sharing and memory


def test_the_restored_document_is_the_callers() -> None:
    """Changing it, anywhere, changes nothing in the DAG or in a document restored later."""

    def spoil(value: Any) -> None:
        inner = list(value.values() if isinstance(value, dict) else value)
        for item in inner:
            if isinstance(item, (dict, list)):
                spoil(item)
        value.clear()

    serialized = layered_document(5)
    dag = _compact(serialized)
    spoil(dag.to_serialized())
    assert_same(dag.to_serialized(), serialized)


def _traced_bytes(make: Callable[[], object], n_copies: int) -> float:
    """Bytes that stay allocated per object that `make` returns; over many, so that no one-off counts."""
    keep: list[object] = [make()]
    gc.collect()
    tracemalloc.start()
    try:
        keep += [make() for _ in range(n_copies)]
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / n_copies
    finally:
        tracemalloc.stop()


def _touch_all(dag: CompactDag) -> None:
    for _, call in accessors(dag):
        call()


MAPPED = document(
    [
        task(
            f"t{n}",
            partial_kwargs={"pool": f"p{n}", "retries": n},
            _is_mapped=True,
            x={"a": [n, str(n)]},
            y=10**n,
        )
        for n in range(40)
    ]
)


@pytest.mark.parametrize(
    ("serialized", "n_copies"),
    [(layered_document(5), 40), (layered_document(1000), 3), (MAPPED, 20), (document([]), 40)],
    ids=["5 tasks", "1000 tasks", "mapped", "no tasks"],
)
@pytest.mark.parametrize("use", ["none", "look-ups", "all"])
def test_nbytes_is_what_the_memory_allocator_counts(
    serialized: dict[str, Any], n_copies: int, use: str
) -> None:
    """The cache's books rest on `nbytes`: within 15 %, freshly decoded and with everything unpacked."""
    encoded = encode_dag(serialized)

    def make() -> CompactDag:
        hot = bytes(bytearray(encoded.hot)) if use == "none" else encoded.hot
        dag = decode_dag(hot, encoded.cold)
        if use != "none" and dag.n_tasks:
            _often_looked_up(dag, dag.task_ids[-1])
        if use == "all":
            _touch_all(dag)
        return dag

    traced = _traced_bytes(make, n_copies)
    assert abs(make().nbytes - traced) <= 0.15 * traced + 64


def test_resident_size_targets() -> None:
    """A decoded DAG of 1000 tasks stays under 40 KB until it is used and under 148 KB then, one of 5 under 2.5 KB."""
    for n_tasks, unused, limit in ((1000, 40_000, 148_000), (5, 2_500, 2_500)):
        dag = _compact(layered_document(n_tasks))
        assert dag.nbytes < unused
        _often_looked_up(dag, dag.task_ids[0])
        assert dag.nbytes < limit
