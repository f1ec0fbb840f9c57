"""Whether the host's code is the code that the fast path was made for.

The fast path stands in for lists that these functions read, so it knows what they read. Each is pinned by a digest
of its source: a release that changes one, and an installation that replaces one, are left alone. The digests are
those of the releases that we know: `releases.py`.

`python -m sched_cache_airflow.patching.known_code` prints those of the installed host.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from hashlib import blake2b
from types import FunctionType
from typing import Any, Final

from sched_cache_airflow.releases import host_version, release_of

OBSERVES_ONLY: Final = "sched_cache_observes_only"
"""Set on a wrapper that only measures what it wraps (`__wrapped__`), so that it does not count as a change."""

_OWN: Final = ("airflow", "sched_cache_airflow")
_NOT_A_SITES: Final = frozenset((*_OWN, *sys.stdlib_module_names))
_ROUTINES: Final = (FunctionType, classmethod, staticmethod, property)


class HostCode:
    """Looks at the host's code once, and at each loop whether it is still the same."""

    def __init__(self, original: Callable[[Any, str], Any], pinned: Mapping[str, str]) -> None:
        """
        Args:
            original: (class, name) -> the function as the host defined it, before we replaced it.
            pinned: `module:` for a whole module, `module:Class.function` for a function -> digest of its source.
        """
        self._original = original
        self._pinned = pinned
        self._doubt: str | None = None
        self._seen: list[tuple[Any, str, Any]] | None = None

    def doubt(self) -> str:
        """What is not as it should be; empty if all is."""
        if self._seen is None:
            self._seen = []
            self._doubt = "the host's code could not be examined"  # stays if that raises
            self._doubt = self._examine()
        if not self._doubt:
            for owner, name, function in self._seen:
                found = vars(owner)[name]
                if found is not function and _observed(found) is not function:
                    self._doubt = f"{owner.__name__}.{name} was replaced"
        return self._doubt or ""

    def _examine(self) -> str:
        assert self._seen is not None
        for path, digest in self._pinned.items():
            module_name, _, names = path.partition(":")
            module = importlib.import_module(module_name)
            if not names:
                if _digest(module) != digest:
                    return f"{module_name} is not the code of a known release"
                continue
            class_name, _, name = names.partition(".")
            owner = getattr(module, class_name)
            current = _observed(vars(owner)[name])
            self._seen.append((owner, name, current))
            if not _is_of(current, _OWN):
                return f"{names} was replaced"
            original = _observed(self._original(owner, name))
            if not _is_of(original, ("airflow",)):
                return f"{names} was replaced"
            if _digest(_function(original)) != digest:
                return f"{names} is not the code of a known release"
        return ""


def is_hosts_own(member: Any) -> bool:
    """Whether a function, property or class is all code of Airflow and ours: no plugin or settings of a site's in it.

    A wrapper of a site's counts as its code, whatever it wraps. An observer does not.
    """
    if isinstance(member, type):
        bases = [base for base in member.__mro__ if base is not object]
        parts = [part for base in bases for part in vars(base).values() if isinstance(part, _ROUTINES)]
        return _is_of_name(member.__module__) and all(is_hosts_own(part) for part in parts)
    if isinstance(member, property):
        return all(is_hosts_own(part) for part in (member.fget, member.fset, member.fdel) if part is not None)
    return all(_is_of(layer, _NOT_A_SITES) for layer in _layers(getattr(member, "__func__", member)))


def _layers(function: Any) -> Iterator[Any]:
    """A function, what it wraps, and so on."""
    while function is not None:
        if getattr(function, OBSERVES_ONLY, False) is not True:
            yield function
        function = getattr(function, "__wrapped__", None)


def is_known(owner: Any, name: str, digests: Mapping[str, str]) -> bool:
    """Whether a function, not replaced yet, is the code that has the digest given for it."""
    if not is_hosts_own(vars(owner)[name]):
        return False
    path = f"{owner.__module__}:{owner.__name__}.{name}"
    return _digest(_function(vars(owner)[name])) == digests[path]


def _observed(function: Any) -> Any:
    while getattr(function, OBSERVES_ONLY, False):
        function = function.__wrapped__
    return function


def _function(member: Any) -> Any:
    return inspect.unwrap(_observed(getattr(member, "__func__", member)))


def _is_of(member: Any, packages: Collection[str]) -> bool:
    """Whether the code that a call enters first belongs to one of these packages."""
    code_globals = getattr(getattr(member, "__func__", member), "__globals__", {})
    return _is_of_name(str(code_globals.get("__name__", "")), packages)


def _is_of_name(module: str, packages: Collection[str] = _OWN) -> bool:
    return module.partition(".")[0] in packages


def _digest(code: Any) -> str:
    return blake2b(inspect.getsource(code).encode(), digest_size=8).hexdigest()


def digests(paths: Iterable[str]) -> dict[str, str]:
    """The digests of the installed host's code, for the same paths."""
    found = {}
    for path in paths:
        module_name, _, names = path.partition(":")
        code: Any = importlib.import_module(module_name)
        if names:
            class_name, _, name = names.partition(".")
            code = _function(vars(getattr(code, class_name))[name])
        found[path] = _digest(code)
    return found


if __name__ == "__main__":
    release = release_of(host_version() or "")
    for part in ("decisions", "run_creation", "loop") if release else ():
        print(f"    {part}")
        for path, digest in digests(getattr(release, part)).items():
            print(f'        "{path}": "{digest}",')
