"""The fields of a serialized DAG, each in the forms that a host answers in different ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.support.undecodable import Case, outcome

REFUSED, LATE, READ = "refused", "late", "read"
_ORDER = (LATE, REFUSED, READ)
_KINDS = {1: REFUSED, 2: LATE, 0: READ}


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A document with one spoilt field.

    kind: the host refuses the document (REFUSED), fails when it reads the object (LATE), or reads it all (READ): then
    the value is one that the code behind may not expect.
    """

    name: str
    kind: str
    error: str
    document: Any


def fields(cases: Iterable[Case], decode: Callable[[Any], Any]) -> list[Field]:
    """For each field one form of each kind and error that the host meets it with; what fails first."""
    found: dict[tuple[str, str, str, str], Field] = {}
    for case in cases:
        badness, what = outcome(lambda case=case: decode(case.document))
        kind = _KINDS[badness]
        key = (case.place, case.field, kind, what)
        if key not in found:
            found[key] = Field(str(case), kind, what, case.document)
    return sorted(found.values(), key=lambda one: _ORDER.index(one.kind))
