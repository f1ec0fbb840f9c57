"""The outcome of one attempt, and when one is worse than another."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.undecodable.rows import masked

SAME, MILDER, WORSE, OTHER = "same", "milder", "worse", "other"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an entry point, with the changes in the database.

    Attributes:
        what: the class of the value, of the exception, or the HTTP status.
        is_error: an exception, or a status of 500 and above.
        errors: the classes of the exception, the nearest first.
        value: the whole value, in words that two attempts can share.
        is_usable: the host's session answers a query afterwards, as the entry point has left it.
        rows: what has changed in the database.
    """

    what: str
    is_error: bool
    errors: tuple[str, ...] = ()
    value: str = ""
    is_usable: bool = True
    rows: tuple[str, ...] = ()
    text: str = field(default="", compare=False)

    def beside(self, stock: Outcome) -> str:
        """SAME, MILDER or WORSE than that of stock; OTHER where a value or the rows differ and neither is an error."""
        if stock.is_usable and not self.is_usable:
            return WORSE
        if self.is_error and not stock.is_error:
            return WORSE
        if self.is_error and stock.is_error:
            # What catches stock's error has to catch ours.
            if self.what != stock.what and stock.what not in self.errors:
                return WORSE
            return SAME if self.rows == stock.rows else OTHER
        if stock.is_error:
            return MILDER
        if (self.what, self.value, self.rows) == (stock.what, stock.value, stock.rows):
            return SAME
        return OTHER

    def __str__(self) -> str:
        return self.what + ("" if self.is_usable else ", session lost")


@dataclass(frozen=True, slots=True)
class Answer:
    """Of a server."""

    status: int
    body: str


def canonical(text: str) -> str:
    """Without what no two attempts share: moments, numbers of rows, and the order of rows that nothing orders."""
    try:
        return json.dumps(_sorted(json.loads(text)), sort_keys=True)
    except ValueError:
        return "\n".join(sorted(masked(line).replace(" ", "") for line in text.splitlines()))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _sorted(one)
            for key, one in value.items()
            if key != "duration" and not (isinstance(one, int) and (key == "id" or key.endswith("_id")))
        }
    if isinstance(value, list):
        return sorted(map(_sorted, value), key=lambda one: json.dumps(one, sort_keys=True))
    return masked(value) if isinstance(value, str) else value


def of_value(value: Any) -> tuple[str, str]:
    """(class, words) of what a call has returned."""
    if value is None:
        return "None", ""
    if isinstance(value, Answer):
        return f"HTTP {value.status}", canonical(value.body)
    if hasattr(value, "task_dict"):
        return "DAG", f"{value.dag_id} {sorted(value.task_dict)}"
    if isinstance(value, (bool, int, str)):
        return type(value).__name__, canonical(str(value))
    if isinstance(value, (list, tuple, set)):
        words = [of_value(one) for one in value]
        return f"{type(value).__name__} of {len(words)}", str(words)
    if isinstance(value, dict):
        return "dict", str(sorted((str(key), of_value(one)) for key, one in value.items()))
    return type(value).__name__, ""


def of_error(error: BaseException) -> tuple[str, tuple[str, ...]]:
    """(class, classes that would catch it)."""
    return type(error).__name__, tuple(kind.__name__ for kind in type(error).__mro__[:-2])
