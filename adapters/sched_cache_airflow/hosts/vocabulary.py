"""The words of a host: states, rules, classes, fields, columns and keys. A part is on only where all of them are known.

Digests say that functions are those that were tested. They do not say what these functions meet: the rows of a table
that has another column or key may mean something else, though no function that was pinned has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `sched-cache --help` finds commands through this module, and opens no database
    from sqlalchemy import Table


@dataclass(frozen=True, slots=True)
class Words:
    """Words of one kind, such as trigger rules.

    read: returns those of the host, as strings, members of an enumeration or None. It imports them when it is called.
    known: those of all tested releases together. A host may lack some of them.
    """

    kind: str
    read: Callable[[], Iterable[Any]]
    known: frozenset[str]

    def unseen(self) -> list[str]:
        """The words of the host that no tested release has. If the host has none of this kind, a sentence says so."""
        try:
            found = set(map(_text, self.read()))
        except Exception as error:  # the place of the words is new, too
            return [f"that cannot be read ({type(error).__name__}: {error})"]
        return sorted(found - self.known)


def words(kind: str, read: Callable[[], Iterable[Any]], known: str) -> Words:
    """Words of one kind. known: those of the tested releases, with blanks between them."""
    return Words(kind, read, frozenset(known.split()))


def rows(model: str, table: str, *, keys: Iterable[str], columns: str) -> tuple[Words, Words]:
    """The unique keys and the columns of a table.

    Keys are compared as a whole, since rows may also mean something else where a key is gone.

    Args:
        model: `module:class` of the host.
        keys: each of them is all unique keys of a tested release: `(dag_id, run_id), (id)`.
        columns: those of the tested releases.
    """
    return (
        Words(f"unique keys of {table}", lambda: [_keys(_table(model))], frozenset(keys)),
        words(f"column of {table}", lambda: _columns(model), columns),
    )


class Vocabulary:
    """The words that each part of the plugin meets on one host. Importing it imports nothing of the host."""

    def __init__(self, parts: Mapping[str, Iterable[Words]]) -> None:
        """`parts`: name of a part -> its words, those first that tell most about a change."""
        self.parts = {name: tuple(some) for name, some in parts.items()}
        self._unseen: dict[str, str] = {}

    def doubt(self, *parts: str) -> str:
        """The words that these parts meet and no tested release has; empty if there are none.

        Each part is examined once in a process.
        """
        found = "; ".join(filter(None, map(self._of_part, parts)))
        return f"no tested release has {found}" if found else ""

    def digest(self, *parts: str) -> str:
        """The digest of all words of the host that these parts meet.

        Raises:
            Exception: of the host, if the words of one kind cannot be read.
        """
        found = [
            (some.kind, sorted(set(map(_text, some.read())))) for part in parts for some in self.parts[part]
        ]
        return blake2b(repr(found).encode(), digest_size=16).hexdigest()

    def _of_part(self, part: str) -> str:
        if part not in self._unseen:
            unseen = ((some.kind, some.unseen()) for some in self.parts[part])
            self._unseen[part] = "; ".join(f"{kind} {', '.join(new)}" for kind, new in unseen if new)
        return self._unseen[part]


def _table(model: str) -> Table:
    from sqlalchemy import Table

    module, _, name = model.partition(":")
    table = attrgetter(f"{name}.__table__")(import_module(module))
    if not isinstance(table, Table):
        raise TypeError(f"the rows of {name} are those of a query")
    return table


def _columns(model: str) -> list[str]:
    try:
        return [column.name for column in _table(model).columns]
    except Exception:  # the keys say so
        return []


def _keys(table: Table) -> str:
    return ", ".join(sorted({f"({', '.join(sorted(key))})" for key in _each_key(table)}))


def _each_key(table: Table) -> Iterator[list[str]]:
    from sqlalchemy import UniqueConstraint

    yield [column.name for column in table.primary_key.columns]
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield [column.name for column in constraint.columns]
    for index in table.indexes:
        if index.unique:
            yield [column.name for column in index.columns]


def _text(word: Any) -> str:
    return str(word.value if isinstance(word, Enum) else word)
