"""Every field at every entry point: once on stock, and with the plugin by two ways to the content."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from tests.support.undecodable import Case
from tests.undecodable.fields import Field
from tests.undecodable.matrix import Matrix
from tests.undecodable.outcome import Outcome, of_error, of_value
from tests.undecodable.rows import Database

NEW, KNOWN = "new content", "known content"
BAD, GOOD = "bad", "good"
"""The DAGs of the database. The spoilt one comes first wherever the host orders them."""
_PER_TURN = 25
"""Fields, on stock and then with the plugin: a run that is ended early has compared what it has tried."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A place where the host takes a DAG.

    Attributes:
        use: calls it for a DAG, with the host's session; what it has to say.
        prepare: statements that bring the rows into the state it is for.
    """

    name: str
    use: Callable[[Any, str, Any], Any]
    prepare: str = ""


class Host(Protocol):
    """An Airflow with both DAGs in its database."""

    entries: tuple[Entry, ...]

    def cases(self) -> list[Case]:
        """Every field of the spoilt DAG, in every form."""

    def decode(self, document: Any) -> Any:
        """The host's object for a document."""

    def activated(self, is_plugin: bool) -> AbstractContextManager[None]:
        """Stock or the plugin in charge of this process until the block ends, with a scheduler and a server."""

    def renew(self) -> None:
        """New bags of DAGs, as in processes that have just started."""

    def session(self) -> Any:
        """A session as the host makes them."""

    def forget_sessions(self) -> None:
        """Ends what the host keeps for a thread."""

    def rewrite(self, database: Database, document: Any, dag_hash: str) -> None:
        """Replaces the stored document of the spoilt DAG by this one."""

    def share_encoded(self) -> None:
        """Another process has encoded and published the contents, where it could; this one knows nothing yet."""


@dataclass
class Trial:
    """Attempts on one host.

    Attributes:
        one_in: each field is tried at one entry point in so many, in turn, so that each of these meets as many fields.
        deadline: of `time.monotonic()`, when no further field is begun.
    """

    host: Host
    database: Database
    progress: Callable[[str], None] = lambda line: None
    one_in: int = 1
    deadline: float = float("inf")

    def run(self, chosen: Iterable[Field], entries: Iterable[Entry] | None = None) -> Matrix:
        """Every field at every entry point."""
        fields, points = list(chosen), tuple(entries or self.host.entries)
        matrix, began = Matrix(), time.monotonic()
        for start in range(0, len(fields), _PER_TURN):
            if time.monotonic() > self.deadline:
                self.progress(f"stopped after {start} of {len(fields)} fields")
                break
            turn = {
                spoilt: [entry for n, entry in enumerate(points) if (n + place) % self.one_in == 0]
                for place, spoilt in enumerate(fields[start : start + _PER_TURN], start)
            }
            self._take_turn(turn, matrix)
            done, took = min(start + _PER_TURN, len(fields)), time.monotonic() - began
            self.progress(f"{done} of {len(fields)} fields, {took:.0f} s, {len(matrix.worse())} differences")
        logging.disable(logging.NOTSET)
        return matrix

    def _take_turn(self, turn: Mapping[Field, list[Entry]], matrix: Matrix) -> None:
        """Some fields, on stock and then with the plugin."""
        stock: dict[tuple[str, str], Outcome] = {}
        with self.host.activated(False):
            for spoilt, entries in turn.items():
                for entry in entries:
                    stock[spoilt.name, entry.name] = self._attempt(spoilt, entry, None)
        with self.host.activated(True):
            for spoilt, entries in turn.items():
                for entry in entries:
                    ours = self._attempt(spoilt, entry, None)
                    matrix.note(spoilt, entry.name, NEW, stock[spoilt.name, entry.name], ours)
                known = uuid.uuid4().hex
                self.host.rewrite(self.database, spoilt.document, known)
                self.host.share_encoded()
                for entry in entries:
                    ours = self._attempt(spoilt, entry, known)
                    matrix.note(spoilt, entry.name, KNOWN, stock[spoilt.name, entry.name], ours)

    def _attempt(self, spoilt: Field, entry: Entry, known: str | None) -> Outcome:
        """One call of the host, on the same rows for each."""
        logging.disable(
            logging.CRITICAL
        )  # the host tells of each error at length; its commands switch that on again
        if entry.prepare:
            self.database.execute(entry.prepare)
        self.host.rewrite(self.database, spoilt.document, known or uuid.uuid4().hex)
        self.host.renew()
        session = self.host.session()
        error, errors, words, text = False, (), "", ""
        try:
            what, words = of_value(entry.use(self.host, BAD, session))
            error = what.startswith("HTTP 5")
        except (Exception, SystemExit) as found:
            error, text = True, str(found)
            what, errors = of_error(found)
        is_usable = self._is_usable(session)
        try:
            if is_usable and not error:
                session.commit()
        except Exception as found:
            what, errors = of_error(found)
            error, text = True, str(found)
        finally:
            session.rollback()
            session.close()
        self.host.forget_sessions()
        tables, rows = self.database.changed()
        self.database.restore(tables)
        return Outcome(what, error, errors, words, is_usable, rows, text)

    @staticmethod
    def _is_usable(session: Any) -> bool:
        from sqlalchemy import text

        try:
            return bool(session.execute(text("SELECT 1")).scalar() == 1)
        except Exception:
            return False
