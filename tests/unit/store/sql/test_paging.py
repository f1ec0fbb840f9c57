"""Statements over the rows of some keys."""

from __future__ import annotations

import pytest
from sqlalchemy import column, select, table

from sched_cache.store.sql.paging import KEYS_PER_QUERY, KeyedStatement

_KEYED = KeyedStatement(select(column("version")).select_from(table("dag")).where, column("key"))


@pytest.mark.parametrize("n_keys", [0, 1, 2, KEYS_PER_QUERY, KEYS_PER_QUERY + 1, 2 * KEYS_PER_QUERY + 3])
def test_each_key_is_in_one_page(n_keys: int) -> None:
    keys = [f"dag_{number}" for number in range(n_keys)]
    pages = list(_KEYED.pages(keys))
    asked = [key for _, given in pages for key in given.get("keys", [given.get("key")])]
    assert asked == keys
    assert len(pages) == -(-n_keys // KEYS_PER_QUERY)


def test_one_key_needs_no_list() -> None:
    """SQLAlchemy writes a statement with a list anew each time that it runs."""
    ((statement, parameters),) = _KEYED.pages(["sales"])
    assert "IN" not in str(statement)
    assert statement.compile().params.keys() == parameters.keys() == {"key"}


def test_a_key_that_no_database_stores_is_left_out() -> None:
    """It cannot have a row."""
    assert list(_KEYED.pages(["a\x00b"])) == []
    ((_, parameters),) = _KEYED.pages(["a\x00b", "sales"])
    assert parameters == {"key": "sales"}
