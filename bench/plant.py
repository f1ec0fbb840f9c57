"""Slows down a function of the product on purpose, to check that `compare` detects and locates it."""

from __future__ import annotations

import functools
import importlib
import time
from typing import Any

_SHORTEST_SLEEP_SECONDS = 0.0002


def plant(target: str) -> None:
    """Slows `module:function` or `module:Class.method` by a share of its duration: `pkg.module:function=20`.

    After its work, each call computes longer by this percentage, and also waits longer if it has waited. This must be
    done before the subject is opened, so that all code imports the slow function.

    Raises:
        ValueError: the text is not of this form.
    """
    path, _, percent = target.partition("=")
    module_name, _, names = path.partition(":")
    if not names or not percent:
        raise ValueError(f"{target!r} is not of the form module:function=PERCENT")
    owner: Any = importlib.import_module(module_name)
    *outer, name = names.split(".")
    for part in outer:
        owner = getattr(owner, part)
    setattr(owner, name, slowed(getattr(owner, name), float(percent)))


def slowed(function: Any, percent: float) -> Any:
    """The function, taking `percent` longer."""

    @functools.wraps(function)
    def slow(*arguments: Any, **named: Any) -> Any:
        start, waiting = time.process_time(), time.perf_counter()
        result = function(*arguments, **named)
        now = time.process_time()
        computed = now - start
        waited = time.perf_counter() - waiting - computed
        until = now + computed * percent / 100
        while time.process_time() < until:
            pass
        if waited * percent / 100 > _SHORTEST_SLEEP_SECONDS:
            time.sleep(waited * percent / 100)
        return result

    return slow
