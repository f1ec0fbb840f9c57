"""The plugin is installed as a whole or not at all, what it replaces keeps its contract, and the host gets it back.

A host's `test_installation.py` derives from this. What changes the host happens in forked children.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import os
import pickle
import sys
import threading
import traceback
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import ModuleType
from typing import Any, ClassVar
from unittest import mock

import pytest

from sched_cache_airflow.patching.installation import target_in
from sched_cache_airflow.patching.patch_table import ANY, Patch
from sched_cache_airflow.patching.replacement import NotReplaceableError, Replacements

_ON = {"AIRFLOW__SCHED_CACHE__ENABLED": "True", "AIRFLOW__SCHED_CACHE__PUBLISH_CONTENTS": "False"}
_MISSING = object()


def in_child(function: Callable[[], None]) -> str:
    """The error of `function` in a child process; empty if there was none."""
    readable, writable = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # forked with threads: of the servers of other tests
        pid = os.fork()
    if pid:
        os.close(writable)
        with os.fdopen(readable) as answer:
            said = answer.read()
        _, status = os.waitpid(pid, 0)
        return said or ("" if status == 0 else f"ended with {status}")
    said = ""
    try:
        warnings.simplefilter("ignore")
        os.environ.update(_ON)
        function()
    except BaseException:
        said = traceback.format_exc()
    with os.fdopen(writable, "w") as out:
        out.write(said)
    os._exit(0)


def function_of(member: Any) -> Any:
    """The function in a classmethod, staticmethod or property; else the member itself."""
    return member.fget if isinstance(member, property) else getattr(member, "__func__", member)


def _target_of(patch: Patch) -> tuple[Any, str]:
    """The owner and the name of the target in the installed release."""
    module = sys.modules[patch.module]
    owner, _, name = target_in(patch, module).rpartition(".")
    return (getattr(module, owner) if owner else module), name


def _has_module(patch: Patch) -> bool:
    """Whether the installed release has the module; only that of an optional row may be missing."""
    if not patch.is_optional:
        return True
    try:
        return importlib.util.find_spec(patch.module) is not None
    except ModuleNotFoundError:  # nor the package that it would be in
        return False


def _of_a_site(member: Any) -> Any:
    """`member` wrapped as the code of a site does that; of a class, a subclass."""
    if isinstance(member, type):
        return type(member.__name__, (member,), {"__module__": __name__})
    function = function_of(member)

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    if isinstance(member, property):
        return property(called, member.fset, member.fdel)
    return type(member)(called) if isinstance(member, classmethod | staticmethod) else called


class InstallationContract(ABC):
    """users: modules of the host in which everything is replaced."""

    users: ClassVar[tuple[str, ...]]

    @abstractmethod
    def parts(self) -> Any:
        """The process of this host."""

    @pytest.fixture(autouse=True)
    def imported(self) -> None:
        """Everything in which something is replaced, and nothing replaced."""
        for name in self.users:
            __import__(name)
        parts = self.parts()
        with mock.patch.dict(os.environ, _ON):
            parts.install()  # our modules are imported
            self.targets = list(
                dict.fromkeys((replaced.owner, replaced.name) for replaced in parts.replacements)
            )
            parts.uninstall()
        imported = [sys.modules[name] for name in parts.host.patches.modules if name in sys.modules]
        classes = [
            value
            for module in imported
            for value in vars(module).values()
            if isinstance(value, type) and value.__module__ == module.__name__
        ]
        self.owners = {owner for owner, _ in self.targets} | {*imported, *classes}

    def host(self) -> dict[tuple[str, str], int]:
        """Every attribute of the modules in which something is replaced, and of all their classes, by identity."""
        return {
            (getattr(owner, "__qualname__", owner.__name__), name): id(value)
            for owner in self.owners
            for name, value in vars(owner).items()
            if name not in ("__warningregistry__", "__abstractmethods__", "_abc_impl")
        }

    def threads(self) -> list[str]:
        """Those of ours."""
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("sched-cache")]

    def test_there_is_something_to_install(self) -> None:
        """And the host is untouched before and after."""
        before = self.host()
        with mock.patch.dict(os.environ, _ON):
            self.parts().install()
            assert len(self.parts().replacements) >= len(self.targets) > 15
            changed = {key for key, value in self.host().items() if before[key] != value}
            self.parts().uninstall()
        assert len(changed) == len(self.targets)
        assert self.host() == before

    def test_without_any_one_of_its_targets_nothing_is_installed(self) -> None:
        """The host is as it was, in modules that came before too; once the target is back the plugin goes in."""

        def without(owner: Any, name: str) -> None:
            parts, found = self.parts(), vars(owner)[name]
            before = self.host()
            delattr(owner, name)
            after = self.host()
            with pytest.raises((NotReplaceableError, ImportError, AttributeError)) as refusal:
                parts.install()
            assert name in str(refusal.value), refusal.value
            assert self.host() == after
            assert not len(parts.replacements)
            assert not self.threads()
            assert not self._listens()
            setattr(owner, name, found)
            parts.install()
            assert len(parts.replacements) >= len(self.targets)
            parts.uninstall()
            assert self.host() == before
            assert not self._listens()

        optional_targets = {
            _target_of(row) for row in self.parts().host.patches.rows if row.is_optional and _has_module(row)
        }
        wrong = {}
        for owner, name in self.targets:
            if (owner.__name__, name) in self.optional or (owner, name) in optional_targets:
                continue
            said = in_child(functools.partial(without, owner, name))
            if said:
                wrong[f"{owner.__name__}.{name}"] = said
        assert not wrong, "\n".join(f"{target}: {said}" for target, said in wrong.items())

    optional: ClassVar[frozenset[tuple[str, str]]] = frozenset()
    """Names of modules that may be there or not: that of the bag, where it has been imported."""

    def test_a_module_that_comes_later_and_does_not_fit_undoes_all(self) -> None:
        """Earlier replacements are undone, too."""

        def late() -> None:
            parts = self.parts()
            name = "airflow.jobs.scheduler_job_runner"
            module = sys.modules.pop(name)
            before = self.host_without(module)
            parts.install()
            assert len(parts.replacements)
            delattr(module.SchedulerJobRunner, "_do_scheduling")
            sys.modules[name] = module
            with pytest.raises(NotReplaceableError, match="_do_scheduling"):
                parts.install(name)
            assert not len(parts.replacements)
            assert not self._listens()
            assert self.host_without(module) == before

        assert not in_child(late)

    def host_without(self, module: ModuleType) -> dict[tuple[str, str], int]:
        """`host` apart from one module."""
        name = module.__name__
        with mock.patch.dict(sys.modules, {name: module}):
            found = self.host()
        return {
            key: value for key, value in found.items() if not key[0].startswith((name, "SchedulerJobRunner"))
        }

    always_called: ClassVar[frozenset[str]]
    """Functions whose replacement calls the original, or is not used before `HostCode` has looked at it."""

    def test_what_a_site_has_put_there_before_is_left_alone_or_called(self) -> None:
        """A site's settings may wrap the host's functions and classes before anything of ours is imported."""

        def wrapped(owner: Any, name: str) -> None:
            stock = vars(owner)[name]
            theirs = _of_a_site(stock)
            setattr(owner, name, theirs)
            self.parts().install()
            found = vars(owner)[name]
            if name not in self.always_called:
                assert found is theirs, "it is passed over"
                return
            layer = function_of(found)
            while layer is not function_of(theirs):
                layer = layer.__wrapped__

        def member_wrapped(owner: Any, name: str, member: str) -> None:
            stock = vars(owner)[name]
            setattr(stock, member, _of_a_site(inspect.getattr_static(stock, member)))
            self.parts().install()
            assert vars(owner)[name] is stock, "it is passed over"

        wrong = {}
        for owner, name in self.targets:
            stock = vars(owner)[name]
            said = in_child(functools.partial(wrapped, owner, name))
            if isinstance(stock, type) and not said:
                member = "get_dag" if hasattr(stock, "get_dag") else "get_dag_for_run"
                said = in_child(functools.partial(member_wrapped, owner, name, member))
            if said:
                wrong[f"{owner.__name__}.{name}"] = said
        assert not wrong, "\n".join(f"{target}: {said}" for target, said in wrong.items())

    def test_a_part_of_ours_that_cannot_be_imported_keeps_all_away(self) -> None:
        """Nor does an error in a wrapper's making leave anything behind."""

        def broken() -> None:
            parts, before = self.parts(), self.host()
            with (
                mock.patch(
                    "sched_cache_airflow.patching.replacement._like", side_effect=RuntimeError("broken")
                ),
                pytest.raises(RuntimeError, match="broken"),
            ):
                parts.install()
            assert self.host() == before
            assert not self._listens()
            parts.install()

        assert not in_child(broken)

    def test_a_failure_half_way_leaves_the_host_as_it_was(self) -> None:
        """Wherever it comes: before the first replacement is set, between two, and at the last."""

        def failing(n_set: int) -> None:
            parts, before = self.parts(), self.host()
            left, stock = [n_set], Replacements._set

            def set_or_fail(self: Any, *args: Any) -> None:
                if not left[0]:
                    raise MemoryError("half-way")
                left[0] -= 1
                stock(self, *args)

            with (
                mock.patch.object(Replacements, "_set", set_or_fail),
                pytest.raises(MemoryError, match="half-way"),
            ):
                parts.install()
            assert self.host() == before
            assert not len(parts.replacements)
            assert not self._listens()
            assert not self.threads()

        for n_set in (0, 1, len(self.targets) // 2, len(self.targets) - 1):
            assert not in_child(functools.partial(failing, n_set)), n_set

    def test_a_group_of_which_one_part_does_not_fit_is_left_alone(self) -> None:
        """None of its targets is replaced, and those of all other groups are."""

        def unfit(module: str, group: tuple[Patch, ...], patch: Patch) -> None:
            members = [_target_of(one) for one in group]
            stock = {target: vars(target[0])[target[1]] for target in members}
            owner, name = _target_of(patch)
            theirs = stock[owner, name] = _of_a_site(vars(owner)[name])
            setattr(owner, name, theirs)
            self.parts().install()
            for (owner, name), member in stock.items():
                assert vars(owner)[name] is member, f"{name} in {module}"
            others = [target for target in self.targets if target not in members]
            replaced = {(replaced.owner, replaced.name) for replaced in self.parts().replacements}
            # A class of a site's may be in the place of one that other modules have imported.
            assert {
                target for target in others if not isinstance(vars(target[0])[target[1]], type)
            } <= replaced

        n_tried, wrong = 0, {}
        table = self.parts().host.patches
        absent = {row.module for row in table.rows if not _has_module(row)}
        for module in [name for name in table.modules if name not in absent]:
            for group in table.groups(module):
                for patch in group:
                    owner, name = _target_of(patch)
                    if patch.fits != ANY and name in vars(owner):
                        n_tried += 1
                        said = in_child(functools.partial(unfit, module, group, patch))
                        if said:
                            wrong[patch.target] = said
        assert n_tried > 5
        assert not wrong, "\n".join(f"{target}: {said}" for target, said in wrong.items())

    def test_every_row_of_the_table_is_applied(self) -> None:
        """On the release that is tested nothing is left to the host, so that a mistake in a row is seen."""
        expected = {
            _target_of(row) for row in self.parts().host.patches.rows if row.owner and _has_module(row)
        }
        assert expected <= set(self.targets)

    def _listens(self) -> bool:
        return bool(self.parts().write_events._listening)

    def test_what_is_replaced_looks_like_what_was_there(self) -> None:
        """Kind, signature, defaults, name, documentation, `__wrapped__`, pickling by name, autospec."""
        originals = {(owner, name): vars(owner)[name] for owner, name in self.targets}
        wrong = []
        with mock.patch.dict(os.environ, _ON):
            self.parts().install()
            try:
                for (owner, name), original in originals.items():
                    wrong += self._differences(owner, name, original, vars(owner)[name])
            finally:
                self.parts().uninstall()
        assert not wrong, "\n".join(wrong)

    def _differences(self, owner: Any, name: str, original: Any, found: Any) -> list[str]:
        where = f"{owner.__name__}.{name}"
        differences = []
        if isinstance(original, ModuleType):
            theirs, mine = vars(original), {each: getattr(found, each) for each in dir(found)}
            changed = {each for each in theirs.keys() | mine.keys() if theirs.get(each) is not mine.get(each)}
            return [] if changed - {"__doc__"} == {"sleep"} else [f"{where}: {changed} are others"]
        if not isinstance(original, type) and type(found) is not type(original):
            differences.append(f"{where}: a {type(found).__name__} and no {type(original).__name__}")
        stock, ours = function_of(original), function_of(found)
        for fact in ("__name__", "__qualname__", "__module__", "__doc__"):
            if getattr(ours, fact) != getattr(stock, fact):
                differences.append(f"{where}: {fact} is {getattr(ours, fact)!r}")
        if inspect.signature(ours) != inspect.signature(stock):
            differences.append(f"{where}: {inspect.signature(ours)} for {inspect.signature(stock)}")
        if isinstance(original, property):
            if (found.fset, found.fdel) != (original.fset, original.fdel):
                differences.append(f"{where}: setter or deleter is gone")
        elif isinstance(original, type):
            if not issubclass(found, original) or not issubclass(original, found):
                differences.append(f"{where}: not a subclass both ways")
            for member in vars(found).keys() & vars(original).keys():
                theirs, mine = vars(original)[member], vars(found)[member]
                if callable(theirs) and inspect.signature(theirs) != inspect.signature(mine):
                    differences.append(f"{where}.{member}: {inspect.signature(mine)}")
        else:
            chain = ours
            while chain is not stock and hasattr(chain, "__wrapped__"):
                chain = chain.__wrapped__
            if chain is not stock:
                differences.append(f"{where}: no __wrapped__ leads to stock's")
            if self._pickles(stock) and pickle.loads(pickle.dumps(ours)) is not ours:
                differences.append(f"{where}: not pickled by name")
            mock.create_autospec(ours)
        return differences

    @staticmethod
    def _pickles(function: Any) -> bool:
        module = sys.modules[function.__module__]
        found: Any = module
        for part in function.__qualname__.split("."):
            found = getattr(found, part, _MISSING)
        return found is not _MISSING and inspect.isfunction(found)
