"""Code that runs right after a module was imported."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from sched_cache_airflow.patching.import_hook import AfterImport


@pytest.fixture
def module_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module that can be imported and is not yet."""
    (tmp_path / "a_module_of_the_host.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "a_module_of_the_host"
    sys.modules.pop("a_module_of_the_host", None)


def test_it_is_called_once_when_the_code_of_the_module_has_run(module_name: str) -> None:
    """The names of the module exist, and the hook has left nothing on it."""
    called: list[int] = []
    hook = AfterImport([module_name], lambda module: called.append(vars(module)["value"]))
    hook.start()
    try:
        module = importlib.import_module(module_name)
        importlib.import_module(module_name)
    finally:
        hook.stop()
    assert called == [1]
    assert module.__spec__ is not None
    assert type(module.__spec__.loader).__module__ != AfterImport.__module__
    assert hook not in sys.meta_path


def test_a_module_that_is_there_is_not_waited_for(module_name: str) -> None:
    """The host may have imported it before."""
    importlib.import_module(module_name)
    called: list[ModuleType] = []
    hook = AfterImport([module_name], called.append)
    hook.start()
    hook.stop()
    assert [module.__name__ for module in called] == [module_name]


def test_other_modules_are_none_of_its_business(module_name: str) -> None:
    """Their import goes on as if there were no hook."""
    hook = AfterImport(["a_module_that_nobody_has"], lambda module: pytest.fail("called"))
    hook.start()
    try:
        assert vars(importlib.import_module(module_name))["value"] == 1
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("a_module_that_nobody_has")
    finally:
        hook.stop()
