"""Clocks, memory and planted slowdowns: they measure what they say."""

from __future__ import annotations

import sys
import time
import types

import pytest

from bench.memory import peak_rss_bytes, retained_bytes
from bench.plant import plant, slowed
from bench.timing import MIN_SAMPLE_SECONDS, calls_per_sample, seconds_per_call


def spin(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def test_a_sample_is_long_enough_for_the_clock() -> None:
    """Short operations are called many times per sample, long ones once."""
    assert calls_per_sample(lambda: spin(2 * MIN_SAMPLE_SECONDS)) == 1
    assert calls_per_sample(lambda: None) > 1000


def test_a_slow_first_call_does_not_count() -> None:
    """It connects to a server, and would make a short operation look like a long one."""
    calls: list[None] = []

    def operation() -> None:
        if not calls:
            spin(2 * MIN_SAMPLE_SECONDS)
        calls.append(None)

    assert calls_per_sample(operation) > 1


def test_seconds_are_of_one_call() -> None:
    """Never less than the call takes, however many calls a sample has."""
    assert seconds_per_call(lambda: spin(0.0005), 4, time.perf_counter) >= 0.0005


@pytest.mark.parametrize("size", [100, 50_000, 2_000_000])
def test_retained_bytes_are_those_of_one_result(size: int) -> None:
    """Temporary objects of the operation do not count."""

    def make() -> object:
        bytearray(3 * size)
        return bytes(bytearray(size))

    assert retained_bytes(make) == pytest.approx(size, rel=0.2, abs=120)


def test_peak_memory_only_grows() -> None:
    """It is the largest size so far."""
    before = peak_rss_bytes()
    ballast = bytearray(b"x") * 50_000_000
    assert peak_rss_bytes() >= before + 40_000_000
    del ballast
    assert peak_rss_bytes() >= before + 40_000_000


def test_a_slowed_function_takes_that_much_longer_and_does_the_same() -> None:
    """A fifth more than it took by itself, call by call."""
    took = []

    def work(seconds: float) -> str:
        start = time.process_time()
        while time.process_time() - start < seconds:
            pass
        took.append(time.process_time() - start)
        return "done"

    start = time.process_time()
    assert slowed(work, 20)(0.005) == "done"
    assert time.process_time() - start >= 1.2 * took[0]


def test_a_slowed_function_waits_longer_for_what_it_waits_for() -> None:
    """A database that takes a fifth longer costs no processor time here."""
    computed, started = time.process_time(), time.perf_counter()
    slowed(time.sleep, 50)(0.1)
    assert time.perf_counter() - started >= 0.148
    assert time.process_time() - computed < 0.05


def test_a_slowdown_is_planted_where_the_name_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a module's function or a class's method; whoever imports it afterwards gets the slow one."""
    module = types.ModuleType("imagined_product")
    module.work = lambda: 1  # type: ignore[attr-defined]  # made here
    module.Thing = type("Thing", (), {"work": lambda self: 2})  # type: ignore[attr-defined]  # made here
    monkeypatch.setitem(sys.modules, "imagined_product", module)
    fast = module.work
    plant("imagined_product:work=20")
    plant("imagined_product:Thing.work=20")
    assert module.work is not fast
    assert module.work() == 1
    assert module.Thing().work() == 2


@pytest.mark.parametrize("text", ["decode", "module:function", "module=20"])
def test_a_planted_slowdown_that_names_nothing_is_refused(text: str) -> None:
    """Otherwise a test of `compare` would pass without one."""
    with pytest.raises(ValueError, match="module:function=PERCENT"):
        plant(text)
