"""The share of decisions that are compared falls where enough of them agreed, in the whole cluster."""

from __future__ import annotations

import pytest

from sched_cache.format import CompactDag, decode_dag, encode_dag
from sched_cache_airflow.certificates.burn_in import (
    DECISIONS_OF_A_SHAPE,
    FIRST_SHARE,
    LAST_SHARE,
    SHAPES,
    BurnIn,
    shape_of,
)
from sched_cache_airflow.certificates.table import MAX_SHAPES
from sched_cache_airflow.certification.dag_document import TaskSpec, document_of


def dag(*tasks: TaskSpec, dag_id: str = "dag") -> CompactDag:
    encoded = encode_dag(document_of(list(tasks), dag_id=dag_id))
    return decode_dag(encoded.hot, encoded.cold)


def chain(n_tasks: int, **last: object) -> CompactDag:
    tasks = [TaskSpec(f"t{index}", [f"t{index + 1}"]) for index in range(n_tasks - 1)]
    return dag(*tasks, TaskSpec(f"t{n_tasks - 1}", [], fields=last))


CHAIN = chain(5)


def test_dags_of_one_structure_have_one_shape() -> None:
    tree = dag(TaskSpec("a", ["b", "c", "d", "e"]), *map(TaskSpec, "bcde"))
    assert shape_of(CHAIN) == shape_of(chain(6)) == shape_of(tree)


@pytest.mark.parametrize(
    "other", [chain(9), chain(5, trigger_rule="all_done"), dag(*[TaskSpec(f"t{n}", []) for n in range(5)])]
)
def test_another_structure_is_another_shape(other: CompactDag) -> None:
    assert shape_of(other) != shape_of(CHAIN)


def test_a_shape_is_compared_often_until_enough_decisions_agreed() -> None:
    burn_in = BurnIn()
    shape = shape_of(CHAIN)
    assert burn_in.share(CHAIN) == FIRST_SHARE
    burn_in.set({shape: DECISIONS_OF_A_SHAPE - 1})
    assert burn_in.share(CHAIN) == FIRST_SHARE
    burn_in.set({shape: DECISIONS_OF_A_SHAPE})
    assert (burn_in.share(CHAIN), burn_in.share(chain(9))) == (LAST_SHARE, FIRST_SHARE)


def test_the_burn_in_ends_after_fifty_shapes() -> None:
    burn_in = BurnIn()
    done = {str(number): DECISIONS_OF_A_SHAPE for number in range(SHAPES)}
    burn_in.set({**done, "0": 1})
    assert (burn_in.share(CHAIN), burn_in.n_done, burn_in.n_seen) == (FIRST_SHARE, SHAPES - 1, SHAPES)
    burn_in.set(done)
    assert burn_in.share(CHAIN) == LAST_SHARE


def test_each_note_is_taken_once() -> None:
    burn_in = BurnIn()
    for noted in (CHAIN, chain(9), CHAIN):
        burn_in.note_agreed(noted)
    assert burn_in.take() == {shape_of(CHAIN): 2, shape_of(chain(9)): 1}
    assert burn_in.take() == {}


def test_the_number_of_shapes_is_limited() -> None:
    burn_in = BurnIn(shape=lambda dag: dag.dag_id)
    burn_in.set({str(number): 1 for number in range(MAX_SHAPES - 1)})
    for dag_id in ("0", "new", "newer"):
        burn_in.note_agreed(dag(TaskSpec("a", []), dag_id=dag_id))
    assert burn_in.take() == {"0": 1, "new": 1}
