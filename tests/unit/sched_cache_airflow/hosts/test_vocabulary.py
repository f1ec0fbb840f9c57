"""A word of a host that no tested release has is found, whatever it is."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Index, Integer, MetaData, String, Table, UniqueConstraint, join
from sqlalchemy.schema import SchemaItem

from sched_cache_airflow.hosts.installed import host_named
from sched_cache_airflow.hosts.vocabulary import Vocabulary, rows, words
from sched_cache_airflow.patching.status import Status
from sched_cache_airflow.releases import RELEASES
from sched_cache_airflow.reporting.page.cards import card_of
from sched_cache_airflow.reporting.process_words import describe

MODULE = "a_host"


class State(Enum):
    SUCCESS = "success"
    FAILED = "failed"


class LaterState(Enum):
    SUCCESS = "success"
    LOST = "lost"


@pytest.fixture
def host() -> Iterator[Any]:
    """A module with a table of its own."""
    module: Any = ModuleType(MODULE)
    sys.modules[MODULE] = module
    module.states = [*State, None]
    yield module
    del sys.modules[MODULE]


def of(host: Any) -> Vocabulary:
    table = rows(
        f"{MODULE}:Row",
        "rows",
        keys=("(dag_id, try), (id)", "(dag_id), (id)"),
        columns="dag_id id try working_set",
    )
    return Vocabulary(
        {
            "decisions": table,
            "states": [words("state", lambda: host.states, "None failed success")],
        }
    )


def row(*others: SchemaItem, key: Sequence[str] = ("dag_id", "try")) -> Any:
    """others: columns and indices beside those that are known. key: the second one."""
    table = Table(
        "rows",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("dag_id", String(10)),
        Column("try", Integer),
        *others,
        *([UniqueConstraint(*key)] if key else []),
    )
    return type("Row", (), {"__table__": table})


@pytest.mark.parametrize("states", [[*State, None], State, ["success"]])
@pytest.mark.parametrize(
    "known",
    [
        row(),
        row(key=["dag_id"]),
        row(Column("working_set", Boolean)),
        row(Index("unique", "dag_id", "try", unique=True), key=()),
        row(Index("not_unique", "dag_id")),
    ],
)
def test_a_host_may_lack_words(host: Any, known: Any, states: Iterable[Any]) -> None:
    """And it does not matter how a key is declared."""
    host.Row, host.states = known, states
    assert of(host).doubt("decisions", "states") == ""


@pytest.mark.parametrize(
    ("unknown", "found"),
    [
        (row(Column("region_id", Integer), Column("a", Integer)), "column of rows a, region_id"),
        (row(key=("dag_id", "try", "id")), "unique keys of rows (dag_id, id, try), (id)"),
        (row(key=()), "unique keys of rows (id)"),
        (
            row(Column("region_id", Integer), key=("region_id",)),
            "unique keys of rows (id), (region_id); column of rows region_id",
        ),
    ],
)
def test_new_columns_and_keys_are_named(host: Any, unknown: Any, found: str) -> None:
    """A key that is gone counts, too: rows that were one may be two."""
    host.Row = unknown
    vocabulary = of(host)
    assert vocabulary.doubt("decisions") == f"no tested release has {found}"
    assert vocabulary.doubt("states") == ""


def test_new_words_are_named(host: Any) -> None:
    host.Row, host.states = row(), LaterState
    vocabulary = of(host)
    assert vocabulary.doubt("states") == "no tested release has state lost"
    assert vocabulary.doubt("decisions") == ""


def test_words_that_are_elsewhere_cannot_be_known(host: Any) -> None:
    vocabulary = of(host)
    del host.states
    assert "state that cannot be read (AttributeError: " in vocabulary.doubt("states")
    assert "unique keys of rows that cannot be read (AttributeError: " in vocabulary.doubt("decisions")


def test_rows_of_two_tables_are_no_table(host: Any) -> None:
    """As XComs are in 3.4, which is a query."""
    metadata = MetaData()
    one, other = (Table(name, metadata, Column("id", Integer)) for name in ("one", "other"))
    host.Row = type("Row", (), {"__table__": join(one, other, one.c.id == other.c.id)})
    assert "the rows of Row are those of a query" in of(host).doubt("decisions")


def test_several_parts_are_told_together(host: Any) -> None:
    host.Row, host.states = row(Column("region_id", Integer)), LaterState
    assert of(host).doubt("decisions", "states") == (
        "no tested release has column of rows region_id; state lost"
    )


def test_a_part_is_examined_once(host: Any) -> None:
    host.Row = row()
    vocabulary = of(host)
    assert vocabulary.doubt("states") == ""
    host.states = LaterState
    assert vocabulary.doubt("states") == ""


@pytest.mark.parametrize("name", sorted({release.host.name for release in RELEASES}))
def test_the_vocabulary_of_a_host_needs_no_airflow(name: str) -> None:
    """And has something in every part, of every kind once."""
    vocabulary = host_named(name).vocabulary
    for some in vocabulary.parts.values():
        assert all(one.known for one in some)
        assert len({one.kind for one in some}) == len(some) > 0


def test_a_part_that_is_left_is_said_once_and_reported(capsys: pytest.CaptureFixture[str]) -> None:
    status = Status()
    doubt = "no tested release has state lost"
    for _ in range(2):
        status.leave({"scheduling decisions": doubt})
    said = capsys.readouterr()
    assert (said.out, said.err) == (
        "",
        f"WARNING sched_cache leaves scheduling decisions to Airflow: {doubt}\n",
    )
    found, _ = describe({"component": "scheduler", "is_on": True, "left": status.left}, 1.0)
    assert f"scheduling decisions left to Airflow: {doubt}" in found
    card = card_of({"component": "scheduler", "is_on": True, "left": status.left}, 1.0, with_host=False)
    assert card.remarks == [f"scheduling decisions left to Airflow: {doubt}"]
