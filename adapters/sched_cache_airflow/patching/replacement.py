"""Puts our wrappers and classes in the place of the host's own, and restores them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import update_wrapper
from types import ModuleType
from typing import Any

from sched_cache.errors import SchedCacheError
from sched_cache_airflow.patching.known_code import OBSERVES_ONLY

Make = Callable[[Any], Any]


class NotReplaceableError(SchedCacheError):
    """The host lacks the attribute to be replaced, or has words that no tested release has.

    Nothing was replaced, and the host continues unchanged.
    """


def part_of(owner: Any, name: str) -> Any:
    """The class of this name in a module of the host, or the attribute in a class.

    Raises:
        NotReplaceableError: there is none.
    """
    try:
        return vars(owner)[name]
    except KeyError:
        module = getattr(owner, "__module__", "")
        raise NotReplaceableError(f"{f'{module}.' if module else ''}{owner.__name__} has no {name}") from None


@dataclass(frozen=True, slots=True)
class Replaced:
    """One attribute of a class or module, with its original value."""

    owner: Any
    name: str
    original: Any

    def restore(self) -> None:
        """Restores the attribute."""
        setattr(self.owner, self.name, self.original)


@dataclass(frozen=True, slots=True)
class _Planned:
    owner: Any
    name: str
    make: Make


class Replacements:
    """The replacements in this process, in the order in which they were made."""

    def __init__(self) -> None:
        self._made: list[Replaced] = []
        self._plan: list[_Planned] | None = None

    def __iter__(self) -> Iterator[Replaced]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    def replace(self, owner: Any, name: str, make: Make) -> None:
        """Replaces the original by the result of `make`; within `at_once`, at the end of its block.

        Kind, signature, name and documentation are those of the original, which is the `__wrapped__` of what `make`
        returns.

        Raises:
            NotReplaceableError: `owner` does not have the name.
        """
        original = part_of(owner, name)
        if self._plan is not None:
            self._plan.append(_Planned(owner, name, make))
        else:
            self._set(owner, name, _made(original, make))

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Makes all replacements of the block at its end, and then sets them. If anything fails, it sets none."""
        plan: list[_Planned] = []
        self._plan = plan
        try:
            yield
        finally:
            self._plan = None
        made: dict[tuple[int, str], Any] = {}
        ready: list[tuple[_Planned, Any]] = []
        for planned in plan:
            key = id(planned.owner), planned.name
            made[key] = _made(made.get(key, vars(planned.owner)[planned.name]), planned.make)
            ready.append((planned, made[key]))
        n_before = len(self._made)
        try:
            for planned, replacement in ready:
                self._set(planned.owner, planned.name, replacement)
        except BaseException:
            self._undo_to(n_before)
            raise

    def _set(self, owner: Any, name: str, replacement: Any) -> None:
        self._made.append(Replaced(owner, name, vars(owner)[name]))
        setattr(owner, name, replacement)

    def original_of(self, owner: Any, name: str) -> Any:
        """The attribute of the host under `name`, as it was before the first replacement."""
        for replaced in self._made:
            if replaced.owner is owner and replaced.name == name:
                return replaced.original
        return vars(owner)[name]

    def undo(self) -> None:
        """Restores all attributes of the host."""
        self._undo_to(0)

    def _undo_to(self, n_left: int) -> None:
        while len(self._made) > n_left:
            self._made.pop().restore()


def _made(original: Any, make: Make) -> Any:
    """The replacement, of the same kind as the original: any kind of method, property, class, function or module."""
    if isinstance(original, classmethod | staticmethod):
        function = make(original.__func__)
        return (
            original if function is original.__func__ else type(original)(_like(function, original.__func__))
        )
    made = make(original)
    if made is original:  # it would be said to wrap itself
        return original
    if isinstance(original, ModuleType):
        return made
    if isinstance(original, property) and isinstance(made, property):
        return property(_like(made.fget, original.fget), original.fset, original.fdel, original.__doc__)
    return made if isinstance(original, type) else _like(made, original)


def _like(made: Any, original: Any) -> Any:
    update_wrapper(made, original)
    vars(made).pop(OBSERVES_ONLY, None)  # that was said of the original
    return made
