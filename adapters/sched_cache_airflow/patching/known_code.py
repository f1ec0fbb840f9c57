"""Checks whether the host's code is the code that the fast path was written for.

The fast path replaces lists that functions of the host read, so it must know how each of them reads. Each function is
pinned by a digest of its source. The fast path is off in a release that changes a function, and in an installation that
replaces one. `releases.py` lists the functions, and `code_table.py` reads their digests in the tested releases.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType
from typing import Any, Final, Protocol

from sched_cache_airflow.patching.code_digest import ABSENT, UNREADABLE, digest_of
from sched_cache_airflow.patching.code_table import KnownCode, KnownPart, known_code
from sched_cache_airflow.releases import Host

OBSERVES_ONLY: Final = "sched_cache_observes_only"
"""The attribute of a wrapper that only measures the wrapped function, so that it does not count as a change."""

_OWN: Final = ("airflow", "sched_cache_airflow")
_NOT_A_SITES: Final = frozenset((*_OWN, *sys.stdlib_module_names))
_ROUTINES: Final = (FunctionType, classmethod, staticmethod, property)


class HeldCertificate(Protocol):
    """The certificate of code that no tested release has."""

    @property
    def doubt(self) -> str:
        """The reason why no certificate is in use; empty if one is. No I/O."""


class HostCode:
    """Examines the host's code once, and checks in each loop whether it is still the same.

    certificate: stands for the pin of code that no tested release has; None if there is no such thing.
    """

    certificate: HeldCertificate | None = None

    def __init__(
        self,
        original: Callable[[Any, str], Any],
        known: KnownCode,
        pinned: Collection[str],
        beside: Collection[str] = (),
        vocabulary: Callable[[], str] = lambda: "",
    ) -> None:
        """
        Args:
            original: (class, name) -> the function as the host defined it, before we replaced it.
            known: the code that was tested.
            pinned: `module:` for a whole module, `module:Class.function` for a function.
            beside: functions that we may have replaced; those that we have replaced must be of the same release.
            vocabulary: returns the words of the host that no tested release has; empty if there are none.
        """
        self._original = original
        self._known = known
        self._pinned = pinned
        self._beside = beside
        self._vocabulary = vocabulary
        self._is_on_trial = False
        self._obstacle = ""
        self._unknown = ""
        self._digests: Mapping[str, str] = {}
        self._seen: list[tuple[Any, str, Any]] | None = None

    def doubt(self) -> str:
        """The reason why the fast path must not be used.

        Empty if the host's code is unchanged, and either that of a tested release or certified.
        """
        if self._is_on_trial:
            return ""
        obstacle = self.obstacle()
        if obstacle or not self._unknown:
            return obstacle
        held = self.certificate
        if held is None:
            return self._unknown
        doubt = held.doubt
        return f"{self._unknown}, and {doubt}" if doubt else ""

    def obstacle(self) -> str:
        """The reason why the fast path could not even be compared; empty if nothing is replaced and all words known."""
        if self._seen is None:
            self._seen = []
            self._obstacle = "the host's code could not be examined"  # stays if that raises
            self._obstacle = self._examine()
        if not self._obstacle:
            for owner, name, function in self._seen:
                found = vars(owner)[name]
                if found is not function and _observed(found) is not function:
                    self._obstacle = f"{owner.__name__}.{name} was replaced"
        return self._obstacle

    @property
    def is_pinned(self) -> bool | None:
        """Whether a tested release has this code; None until it is examined, or if nothing can be said."""
        return None if self._seen is None or self._obstacle else not self._unknown

    def digests(self) -> Mapping[str, str]:
        """Path -> digest of all code that a certificate is bound to; empty if there is an obstacle."""
        return {} if self.obstacle() else self._digests

    def unpinned(self) -> Mapping[str, str] | None:
        """Path -> digest of code that no tested release has; None if one has it, or if no certificate could help."""
        return self._digests if self.is_pinned is False else None

    @contextmanager
    def on_trial(self) -> Iterator[None]:
        """Takes the code for known within the block, in which every decision is compared with the host's."""
        self._is_on_trial = True
        try:
            yield
        finally:
            self._is_on_trial = False

    def _examine(self) -> str:
        digests: list[tuple[str, str]] = []
        for path in self._pinned:
            owner, name = _owner_of(path)
            if owner is None or not name:
                digests.append((path, ABSENT if owner is None else _digest(owner)))
                continue
            replaced = self._look_at(owner, name)
            if replaced:
                return replaced
            digests.append((path, _digest(_function(self._original(owner, name)))))
        digests += self._replaced_beside()
        self._digests, self._unknown = dict(digests), self._known.doubt(digests)
        return self._vocabulary()

    def _look_at(self, owner: Any, name: str) -> str:
        """Notes a function of the host, if no other code has replaced it."""
        assert self._seen is not None
        current = _observed(vars(owner)[name])
        self._seen.append((owner, name, current))
        if _is_of(current, _OWN) and _is_of(_observed(self._original(owner, name)), ("airflow",)):
            return ""
        return f"{owner.__name__}.{name} was replaced"

    def _replaced_beside(self) -> Iterator[tuple[str, str]]:
        for path in self._beside:
            owner, name = _owner_of(path)
            if owner is not None and name and self._original(owner, name) is not vars(owner)[name]:
                yield path, _digest(_function(self._original(owner, name)))


def host_code_of(host: Host, original: Callable[[Any, str], Any], vocabulary: Callable[[], str]) -> HostCode:
    """The code on which the fast path depends, and the other functions that the plugin may replace on this host."""
    parts = host.pinned.parts()
    decisions = parts.pop("decisions")
    beside = sorted({path for paths in parts.values() for path in paths} - {*decisions})
    return HostCode(original, known_code(host), decisions, beside, vocabulary)


def is_hosts_own(member: Any) -> bool:
    """Whether a function, property or class contains only code of Airflow and ours, and none of a site.

    A wrapper by a site counts as the site's code. An observer does not count.
    """
    if isinstance(member, type):
        bases = [base for base in member.__mro__ if base is not object]
        parts = [part for base in bases for part in vars(base).values() if isinstance(part, _ROUTINES)]
        return _is_of_name(member.__module__) and all(is_hosts_own(part) for part in parts)
    if isinstance(member, property):
        return all(is_hosts_own(part) for part in (member.fget, member.fset, member.fdel) if part is not None)
    return all(_is_of(layer, _NOT_A_SITES) for layer in _layers(getattr(member, "__func__", member)))


def _layers(function: Any) -> Iterator[Any]:
    """The function, the function that it wraps, and so on."""
    while function is not None:
        if getattr(function, OBSERVES_ONLY, False) is not True:
            yield function
        function = getattr(function, "__wrapped__", None)


def is_known(owner: Any, name: str, part: KnownPart) -> bool:
    """Whether a function that is not replaced yet is the host's own, and all code that its part needs was tested."""
    return is_hosts_own(vars(owner)[name]) and not part.known.doubt(digests(part.paths))


def _observed(function: Any) -> Any:
    while getattr(function, OBSERVES_ONLY, False):
        function = function.__wrapped__
    return function


def _function(member: Any) -> Any:
    return inspect.unwrap(_observed(getattr(member, "__func__", member)))


def _is_of(member: Any, packages: Collection[str]) -> bool:
    """Whether the code that a call runs first belongs to one of these packages."""
    code_globals = getattr(getattr(member, "__func__", member), "__globals__", {})
    return _is_of_name(str(code_globals.get("__name__", "")), packages)


def _is_of_name(module: str, packages: Collection[str] = _OWN) -> bool:
    return module.partition(".")[0] in packages


def _digest(code: Any) -> str:
    try:
        return digest_of(inspect.getsource(code))
    except (OSError, TypeError, SyntaxError):
        return UNREADABLE  # as without source files; the parts concerned stay off


def _owner_of(path: str) -> tuple[Any, str]:
    """(class, name) of a function, (module, "") of a whole module; None in place of the owner if there is none."""
    module_name, _, names = path.partition(":")
    class_name, _, name = names.partition(".")
    try:
        owner: Any = importlib.import_module(module_name)
    except ModuleNotFoundError:
        return None, name
    if names:
        owner = vars(owner).get(class_name)
        if owner is not None and name not in vars(owner):
            owner = None
    return owner, name


def digests(paths: Collection[str]) -> Iterator[tuple[str, str]]:
    """The digests of the installed host's code, by path."""
    for path in paths:
        owner, name = _owner_of(path)
        code = _function(vars(owner)[name]) if owner is not None and name else owner
        yield path, ABSENT if code is None else _digest(code)
