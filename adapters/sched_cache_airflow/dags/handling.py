"""How a host treats the values of a field. Trying some values finds this for every field, in any release."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Attempt = Callable[[str, Any], Any]
"""The host's result for one value of a task field. Raises the errors of the host."""

_SCALARS: tuple[Any, ...] = ("\0", 10**30, 1e300, True, False, None)
_CONTAINERS: tuple[tuple[Any, Any], ...] = (
    ([0], [0]),
    ({"__type": "tuple", "__var": [0]}, (0,)),
    ({"__type": "dict", "__var": {"a": 0}}, {"a": 0}),
    ({"__type": "set", "__var": ["a"]}, {"a"}),
)


@dataclass(frozen=True, slots=True)
class Handling:
    """takes_any: the host keeps any value as it is, or only asks whether it is true. takes: the types of scalars that
    it keeps as they are. is_generic: containers are what every other field makes of them, so what can fail is in them.
    """

    takes_any: bool
    takes: frozenset[type[Any]]
    is_generic: bool


def handling_of(attempt: Attempt, name: str) -> Handling:
    """The way in which `attempt` handles the field `name`. Cost: some microseconds; the answer never changes."""
    made = _made(attempt, name, _NOTHING)
    takes_any = made is _NOTHING or made is True
    refused = {type(value) for value in _SCALARS if _made(attempt, name, value) is not value}
    takes = frozenset(map(type, _SCALARS)) - refused
    is_generic = takes_any or all(_made(attempt, name, value) == made for value, made in _CONTAINERS)
    return Handling(takes_any, takes, is_generic)


_NOTHING = object()


def _made(attempt: Attempt, name: str, value: Any) -> Any:
    try:
        return attempt(name, value)
    except Exception as error:  # any error means that a value of this type can fail
        return error
