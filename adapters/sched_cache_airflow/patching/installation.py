"""Applies the table of patches to the modules of the host when it imports them, and removes the patches again."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from operator import attrgetter
from types import ModuleType
from typing import Any, Final

from sched_cache_airflow.patching.code_table import KnownPart
from sched_cache_airflow.patching.known_code import is_hosts_own, is_known
from sched_cache_airflow.patching.patch_table import ANY, OWN, Patch, PatchTable
from sched_cache_airflow.patching.replacement import Make, Replacements, part_of

logger = logging.getLogger("sched_cache.airflow")

_PACKAGE: Final = __name__.partition(".")[0]

Known = Callable[[str], KnownPart]
"""The name of known code in a row of the table -> the code that `is_known` compares with."""


@dataclass(frozen=True, slots=True)
class _Target:
    """A patch, its target, and the function that makes the replacement."""

    patch: Patch
    owner: Any
    name: str
    make: Make

    def fits(self, known: Known) -> bool:
        fits = self.patch.fits
        if fits == OWN:
            return is_hosts_own(vars(self.owner)[self.name])
        return fits == ANY or is_known(self.owner, self.name, known(fits))


class Installation:
    """The patches that are in place in this process, and their removal.

    Args:
        table: the patches.
        known: finds the known code that a row of the table names.
        process: the process of the host, given to the wrappers whose row says so.
        prepare: creates everything that the replacements need, so that it can fail while nothing is replaced.
        give_up: ends everything else that was started: listeners, threads, connections.
    """

    def __init__(
        self,
        replacements: Replacements,
        table: PatchTable,
        known: Known,
        *,
        process: object,
        prepare: Callable[[], object],
        give_up: Callable[[], object],
    ) -> None:
        self._replacements = replacements
        self._table = table
        self._known = known
        self._process = process
        self._prepare = prepare
        self._give_up = give_up
        self._done: list[str] = []

    def install(self, just_imported: str = "") -> list[str]:
        """Applies the patches to the modules that the host has imported by now; which modules.

        If anything is missing, all replacements are undone, including those in modules of earlier calls, and the error
        says what is missing.

        May be called again after more imports. `just_imported` names the module whose code has just run: until the
        import statement ends, Python treats it as being imported.
        """
        try:
            self._install(just_imported)
        except BaseException:
            # A partial installation has not been tested, so all of it is removed.
            self.uninstall()
            raise
        return list(self._done)

    def _install(self, just_imported: str) -> None:
        for name in self._table.bases:
            import_module(name)
        self._prepare()
        found: list[str] = []
        with self._replacements.at_once():
            for name in self._table.modules:
                module = sys.modules.get(name)
                if module is None or name in self._done:
                    continue
                if name != just_imported and _is_being_imported(module):
                    continue
                self.patch(module)
                found.append(name)
        self._done += found

    def patch(self, module: ModuleType) -> None:
        """Applies each group of patches of this module whose targets all fit."""
        for group in self._table.groups(module.__name__):
            self._apply([target for patch in group for target in _targets(patch, module, self._process)])

    def _apply(self, targets: Sequence[_Target]) -> None:
        unfit = next((target for target in targets if not target.fits(self._known)), None)
        if unfit is not None:
            owner, name, fits = unfit.owner.__name__, unfit.name, unfit.patch.fits
            what = "was replaced by other code" if fits == OWN else "is not the code of a known release"
            logger.info("%s.%s %s: %r stays as it is", owner, name, what, unfit.patch.group)
            return
        for target in targets:
            self._replacements.replace(target.owner, target.name, target.make)

    def uninstall(self) -> None:
        """Restores all attributes of the host. `install` may be called again."""
        self._replacements.undo()
        self._done.clear()
        self._give_up()


def _targets(patch: Patch, module: ModuleType, process: object) -> Iterator[_Target]:
    """The target of a patch; none if it is replaced already, or if it is optional and missing.

    Raises:
        NotReplaceableError: the host does not have the target. No module of ours that needs it was imported.
    """
    of_class, _, name = target_in(patch, module).rpartition(".")
    owner: Any = part_of(module, of_class) if of_class else module
    if patch.is_optional and name not in vars(owner):
        return
    member = part_of(owner, name)
    wrapper = _loaded(patch.wrapper)
    if not isinstance(wrapper, type):
        make = (lambda original: wrapper(original, process)) if patch.with_process else wrapper
        yield _Target(patch, owner, name, make)
        return
    if patch.with_process:
        ours: Any = wrapper
        ours.host_process = process
    if member is not wrapper:  # else the module has imported the replacement
        yield _Target(patch, owner, name, lambda _: wrapper)


def target_in(patch: Patch, module: ModuleType) -> str:
    """`Class.function`, or `name` for a name of the module, in the installed release."""
    found = _loaded(patch.named_by) if patch.named_by else patch.target.partition(":")[2]
    return str(found(module) if callable(found) else found)


def _loaded(path: str) -> Any:
    module, _, names = path.partition(":")
    return attrgetter(names)(import_module(f"{_PACKAGE}.{module}"))


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(module.__spec__, "_initializing", False))
