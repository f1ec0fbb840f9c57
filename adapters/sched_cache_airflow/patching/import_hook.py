"""Calls a function of the plugin right after any code has imported one of the host's modules."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Collection, Sequence
from types import ModuleType


class AfterImport(importlib.abc.MetaPathFinder):
    """A finder that asks the other finders, and wraps the loader so that `call` runs after the module's code."""

    def __init__(self, names: Collection[str], call: Callable[[ModuleType], None]) -> None:
        self._names = set(names)
        self._call = call

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The other finders' spec of an expected module, with a wrapped loader; None for every other module."""
        if fullname not in self._names:
            return None
        self._names.discard(fullname)  # the search below calls this method again
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None or not hasattr(spec.loader, "exec_module"):
            return None
        spec.loader = _Calling(spec.loader, self._call)
        return spec

    def start(self) -> None:
        """Starts to wait for the modules. Calls at once for those that are imported already."""
        for name in list(self._names):
            module = sys.modules.get(name)
            if module is not None:
                self._names.discard(name)
                self._call(module)
        sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Stops waiting."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)


class _Calling(importlib.abc.Loader):
    def __init__(self, loader: importlib.abc.Loader, call: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._call = call

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        # Restores the spec and loader of the module, because other code asks them for source and data.
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._call(module)
