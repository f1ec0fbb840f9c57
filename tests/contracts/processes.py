"""The reports of processes in an SQL store."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from sched_cache.errors import InvalidDagError
from sched_cache.store.sql import SqlStore, tables
from sched_cache.store.sql.processes import ProcessReport


def silent_for(store: SqlStore, key: str, seconds: int) -> None:
    """As if the process had said nothing for so long."""
    process = tables().process
    with store._engines.writes.begin() as connection:
        connection.execute(
            update(process).where(process.c.key == key).values(seen_at=process.c.seen_at - seconds)
        )


class ProcessesContract:
    """Reports: written over, dated by the database, forgotten."""

    def test_the_last_report_of_a_process_counts(self, store: SqlStore) -> None:
        """Nobody reads what it said before."""
        store.processes.put(ProcessReport("a", {"n": 1}))
        store.processes.put(ProcessReport("a", {"n": 2, "text": "ü"}))
        (report,) = store.processes.recent(30)
        assert (report.key, report.facts) == ("a", {"n": 2, "text": "ü"})
        assert 0 <= report.seconds_ago <= 5

    @pytest.mark.parametrize("key", ["", "x" * 251, "a\0b", "\ud800"])
    def test_a_key_that_no_database_stores_is_refused(self, store: SqlStore, key: str) -> None:
        """Before a driver sees it."""
        with pytest.raises(InvalidDagError):
            store.processes.put(ProcessReport(key, {}))

    def test_age_is_told_by_the_database(self, store: SqlStore) -> None:
        """The clocks of two machines are never compared."""
        for key in ("a", "b", "c"):
            store.processes.put(ProcessReport(key, {}))
        silent_for(store, "b", 100)
        assert [report.key for report in store.processes.recent(60)] == ["a", "c"]
        ages = {report.key: report.seconds_ago for report in store.processes.recent(1000)}
        assert 100 <= ages["b"] <= 105

    def test_a_report_is_as_old_as_its_last_word(self, store: SqlStore) -> None:
        """Reporting again makes a process recent again."""
        store.processes.put(ProcessReport("a", {}))
        silent_for(store, "a", 100)
        store.processes.put(ProcessReport("a", {}))
        assert store.processes.recent(30)

    def test_who_ends_is_forgotten(self, store: SqlStore) -> None:
        """At once if it says so, after a while if it does not."""
        for key in ("ends", "dies", "lives"):
            store.processes.put(ProcessReport(key, {}))
        store.processes.remove("ends")
        silent_for(store, "dies", 100)
        store.processes.forget_silent(60)
        assert [report.key for report in store.processes.recent(1000)] == ["lives"]

    def test_what_is_not_understood_is_left_out(self, store: SqlStore) -> None:
        """A report of another release, or a damaged one, hides no other."""
        for key in ("a", "b", "c"):
            store.processes.put(ProcessReport(key, {}))
        process = tables().process
        with store._engines.writes.begin() as connection:
            for key, facts in (("a", b"\x00damaged"), ("c", b"")):
                connection.execute(update(process).where(process.c.key == key).values(facts=facts))
        assert [report.key for report in store.processes.recent(30)] == ["b"]
