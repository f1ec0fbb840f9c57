"""What stands in the place of something of the host, and the way back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sched_cache_airflow.host_code import is_known

logger = logging.getLogger("sched_cache.airflow")


@dataclass(frozen=True, slots=True)
class Replaced:
    """One name of a class or module, and what the host had there."""

    owner: Any
    name: str
    original: Any

    def restore(self) -> None:
        """Puts it back."""
        setattr(self.owner, self.name, self.original)


class Replacements:
    """All that was replaced in this process, in the order in which it was."""

    def __init__(self) -> None:
        self._made: list[Replaced] = []

    def __iter__(self) -> Iterator[Replaced]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Sets what `make` makes of the original; a classmethod or a staticmethod stays one."""
        original = vars(owner)[name]
        self._made.append(Replaced(owner, name, original))
        if isinstance(original, classmethod | staticmethod):
            setattr(owner, name, type(original)(make(original.__func__)))
        else:
            setattr(owner, name, make(original))

    def replace_known(
        self, owner: Any, name: str, make: Callable[[Any], Any], digests: Mapping[str, str]
    ) -> None:
        """As `replace`, where the host's function has the digest given for it; any other code is left alone."""
        if is_known(owner, name, digests):
            self.replace(owner, name, make)
        else:
            logger.info("%s.%s is not the code of a known release, and stays as it is", owner.__name__, name)

    def original_of(self, owner: Any, name: str) -> Any:
        """What the host had under `name` before the first replacement of it."""
        for replaced in self._made:
            if replaced.owner is owner and replaced.name == name:
                return replaced.original
        return vars(owner)[name]

    def undo(self) -> None:
        """Gives the host back what it had."""
        while self._made:
            self._made.pop().restore()
