"""The name `time` of the scheduler's module is another one; the module of the standard library stays as it is."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from sched_cache_airflow.wake.time_module import TimeModule


class Nap:
    def __init__(self, *, is_in_charge: bool = True, error: Exception | None = None) -> None:
        self._is_in_charge = is_in_charge
        self._error = error
        self.slept: list[float] = []

    def is_in_charge(self) -> bool:
        return self._is_in_charge

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self._error:
            raise self._error


def module_with(nap: Any, errors: list[Exception] | None = None) -> Any:
    found = errors if errors is not None else []
    return TimeModule(time, lambda: nap, lambda reason, error: found.append(error))


def test_the_sleep_of_the_scheduler_is_ours() -> None:
    nap = Nap()
    real_sleep = time.sleep
    assert module_with(nap).sleep(1.0) is None
    assert nap.slept == [1.0]
    assert time.sleep is real_sleep


def test_every_other_name_is_that_of_the_module() -> None:
    module = module_with(Nap())
    for name in dir(time):
        if name != "sleep" and not name.startswith("__"):
            assert getattr(module, name) is getattr(time, name), name
    assert module.__name__ == "time"
    assert set(dir(time)) <= set(dir(module))
    with pytest.raises(AttributeError):
        module.no_such_name  # noqa: B018


def test_sleeps_of_others_are_those_of_the_module() -> None:
    nap = Nap(is_in_charge=False)
    with patch.object(time, "sleep") as sleep:
        module_with(nap).sleep(1.0)
    assert sleep.call_count == 1
    assert sleep.call_args.args[0] == pytest.approx(1.0, abs=0.1)
    assert nap.slept == []


@pytest.mark.parametrize("seconds", [0, 0.0, True, False])
def test_no_sleep_at_all(seconds: float) -> None:
    nap = Nap(is_in_charge=False)
    with patch.object(time, "sleep") as sleep:
        module_with(nap).sleep(seconds)
    assert sleep.call_count == 1


@pytest.mark.parametrize("wrong", [-1, "1", None, float("nan")])
def test_a_wrong_duration_is_refused_as_by_the_module(wrong: Any) -> None:
    nap = Nap()
    with pytest.raises((TypeError, ValueError)) as expected:
        time.sleep(wrong)
    with pytest.raises(type(expected.value)):
        module_with(nap).sleep(wrong)
    assert nap.slept == []


def test_after_an_error_of_ours_the_host_sleeps_the_rest() -> None:
    error = RuntimeError("ours")
    errors: list[Exception] = []
    with patch.object(time, "sleep") as sleep:
        module_with(Nap(error=error), errors).sleep(1.0)
    assert errors == [error]
    assert 0.5 < sleep.call_args.args[0] <= 1.0


def test_a_test_of_the_host_may_replace_the_sleep() -> None:
    module = module_with(Nap())
    namespace = SimpleNamespace(time=module)
    with patch.object(namespace.time, "sleep") as sleep:
        namespace.time.sleep(3)
    sleep.assert_called_once_with(3)
