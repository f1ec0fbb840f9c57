"""The tokens of the tasks that a loop hands over, for which one option is read once.

The host reads the option for each token, which takes longer than signing it: a tenth of the time of a busy loop.
Source: `BaseWorkloadSchema.generate_token` in airflow/executors/workloads/base.py (3.2, 3.3).
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from sched_cache_airflow.hosts.shared.critical_section import options_of_pass

Method = Callable[..., Any]


def generate_token(stock: Method) -> Method:
    """`BaseWorkloadSchema.generate_token`: the host's own code, in a critical section with options read before."""
    if not isinstance(stock, FunctionType):
        return stock
    conf = stock.__globals__.get("conf")
    if conf is None or "conf" not in stock.__code__.co_names:
        return stock
    names = {**stock.__globals__, "conf": _OptionsOfPass(conf)}
    in_pass = FunctionType(stock.__code__, names, stock.__name__, stock.__defaults__, stock.__closure__)
    in_pass.__kwdefaults__ = stock.__kwdefaults__

    def generate(*args: Any, **kwargs: Any) -> Any:
        is_in_pass = options_of_pass.get() is not None and stock.__globals__.get("conf") is conf
        return (in_pass if is_in_pass else stock)(*args, **kwargs)

    return generate


class _OptionsOfPass:
    """The host's `conf`, which remembers within a pass what was read. An error is not remembered."""

    def __init__(self, stock: Any) -> None:
        self._stock = stock

    def getfloat(self, *args: Any, **kwargs: Any) -> Any:
        known = options_of_pass.get()
        if known is None:
            return self._stock.getfloat(*args, **kwargs)
        asked = (args, tuple(kwargs.items()))
        if asked not in known:
            known[asked] = self._stock.getfloat(*args, **kwargs)
        return known[asked]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stock, name)
