"""The rows of the host's database: read, compared, and put back between two attempts, with no savepoint about them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg2
import psycopg2.errors

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
_LARGE = {"data", "data_compressed", "source_code"}
_FIXED = re.compile(r"ab_|alembic|sched_cache|log$|job$|session$|callback_request$")
_VACUUM_EVERY = 200
_MASKS = (
    (re.compile(r'"traceparent": "[^"]*"'), '"traceparent": "<id>"'),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+([+-]\d\d:?\d\d|Z)?"), "<now>"),
    (re.compile(r"\d\d:\d\d:\d\d\.\d+\S*"), "<now>"),
    (re.compile(r'("duration": ?)[\d.]+'), r"\1<now>"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<hash>"),
)


def masked(text: str) -> str:
    """Without what no two attempts share: moments (all dates of the test are whole seconds), ids and hashes."""
    for pattern, word in _MASKS:
        text = pattern.sub(word, text)
    return text


class Database:
    """A connection of the test's own to the metadata database, and a copy of every row in a schema beside it.

    Tables that no attempt is judged by are left alone: users, the log of actions, and the plugin's own.
    """

    def __init__(self, url: str) -> None:
        self._connection = psycopg2.connect(url.replace("+psycopg2", ""))
        self._connection.autocommit = True
        # No attempt may wait for another one's lock without end.
        self.execute("SET lock_timeout = '2s'; ALTER DATABASE airflow SET lock_timeout = '5s'")
        self._kept: dict[str, Counter[str]] = {}
        self._n_restored = 0

    def execute(self, sql: str, values: Any = None) -> None:
        """Runs statements. A transaction that an attempt has left open, in the way, is ended."""
        try:
            self._execute(sql, values)
        except psycopg2.errors.LockNotAvailable:
            self._execute("ROLLBACK")
            self._end_others()
            self._execute(sql, values)

    def _execute(self, sql: str, values: Any = None) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values)

    def _all(self, sql: str) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def keep(self) -> None:
        """Saves the current content of the database for `restore`."""
        names = [
            name
            for (name,) in self._all("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            if not _FIXED.match(name)
        ]
        self.execute("DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept")
        parts = []
        for name in names:
            self.execute(f'CREATE TABLE kept."{name}" AS TABLE public."{name}"')
            left_out = _LARGE | ({"dag_hash"} if name == "serialized_dag" else set())
            large = ", ".join(f"'{column}'" for column in sorted(left_out))
            parts.append(
                f"RETURN QUERY SELECT '{name}', (to_jsonb(t) - ARRAY[{large}])::text FROM public.\"{name}\" t;"
            )
        # In a function each statement is planned once for the connection.
        self.execute(
            "CREATE FUNCTION kept.rows() RETURNS TABLE (name text, fields text) LANGUAGE plpgsql AS "
            f"$$ BEGIN {' '.join(parts)} END $$"
        )
        self._kept = self.read()

    def read(self) -> dict[str, Counter[str]]:
        """The rows of every table."""
        found: dict[str, Counter[str]] = {}
        for name, fields in self._all("SELECT * FROM kept.rows()"):
            found.setdefault(name, Counter())[fields] += 1
        return found

    def changed(self) -> tuple[set[str], tuple[str, ...]]:
        """The tables that are not as they were kept; and how, in words that two attempts can share."""
        now, tables, words = self.read(), set(), []
        for name in sorted({*now, *self._kept}):
            rows, kept = now.get(name, Counter()), self._kept.get(name, Counter())
            if rows == kept:
                continue
            tables.add(name)
            words += _words(name, "+", rows - kept) + _words(name, "-", kept - rows)
        return tables, tuple(words)

    def restore(self, tables: Iterable[str]) -> None:
        """Puts these tables back as they were kept."""
        statements = [
            f'DELETE FROM public."{t}"; INSERT INTO public."{t}" SELECT * FROM kept."{t}";' for t in tables
        ]
        if not statements:
            return
        self.execute(f"BEGIN; SET LOCAL session_replication_role = replica; {' '.join(statements)} COMMIT")
        self._n_restored += 1
        if self._n_restored % _VACUUM_EVERY == 0:
            self.execute("VACUUM")

    def _end_others(self) -> None:
        """Ends transactions of other connections that an attempt has left open, and their locks."""
        self._all(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
        )

    def close(self) -> None:
        self._connection.close()


_INTEGER_ID = re.compile(r'"(id|[a-z_]*_id|queued_by_job_id|log_template_id)": \d+')


def _words(table: str, sign: str, rows: Counter[str]) -> list[str]:
    return sorted(
        f"{sign} {table} {_INTEGER_ID.sub(lambda found: chr(34) + found[1] + chr(34) + ': #', masked(row))}"
        for row in rows.elements()
    )
