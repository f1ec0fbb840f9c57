"""Replacing what there is to replace in the modules of the host, as it imports them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from types import ModuleType

from sched_cache_airflow.patching.replacement import Replacements


class Installation:
    """What was done in this process.

    Args:
        by_module: module of the host to what replaces something in it.
        bases: the modules that our parts derive from; they are imported first.
        prepare: makes what the replacements rest on, so that it can fail while nothing is replaced.
        give_up: undoes what was done beside replacements: listeners, threads, connections.
    """

    def __init__(
        self,
        replacements: Replacements,
        by_module: Mapping[str, Callable[[ModuleType], None]],
        bases: Collection[str],
        prepare: Callable[[], object],
        give_up: Callable[[], object],
    ) -> None:
        self._replacements = replacements
        self._by_module = by_module
        self._bases = bases
        self._prepare = prepare
        self._give_up = give_up
        self._done: list[str] = []

    def install(self, just_imported: str = "") -> list[str]:
        """Replaces what there is to replace in the modules that the host has imported by now; which ones.

        All or nothing: where anything is missing, everything is as if it had never been installed, in the modules
        that were done before too, and the error says what.

        May be called again when more are there. `just_imported` names the module whose code has just run, which
        counts as being imported until the import statement ends.
        """
        try:
            self._install(just_imported)
        except BaseException:
            # A partial installation has not been tested, so all of it is removed.
            self.uninstall()
            raise
        return list(self._done)

    def _install(self, just_imported: str) -> None:
        for name in self._bases:
            import_module(name)
        self._prepare()
        found: list[str] = []
        with self._replacements.at_once():
            for name, replace in self._by_module.items():
                module = sys.modules.get(name)
                if module is None or name in self._done:
                    continue
                if name != just_imported and _is_being_imported(module):
                    continue
                replace(module)
                found.append(name)
        self._done += found

    def uninstall(self) -> None:
        """Gives the host back what it had. `install` may be called again."""
        self._replacements.undo()
        self._done.clear()
        self._give_up()


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(module.__spec__, "_initializing", False))
