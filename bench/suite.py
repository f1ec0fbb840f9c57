"""The interface of suites: the questions of a measurement. One file under `suites/` adds one suite."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .case import Case
from .size import Size
from .subject import Subject


@dataclass(frozen=True, slots=True)
class Metric:
    """The meaning of one number.

    `where` is the code that it times; `includes` names metrics that are parts of it. `against` names the metric of the
    reference that it is divided by before two runs are compared; empty: the same one. `rough` says why two runs of
    the same code need not agree about it.
    """

    name: str
    title: str
    unit: str  # "seconds", "bytes" or a plain noun
    where: str = ""
    includes: tuple[str, ...] = ()
    against: str = ""
    rough: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture of the report.

    kind `lines`: the median of one metric over the parameter `x`, with one line per subject and logarithmic axes.
    kind `stack`: metrics that are parts of a whole, as one bar of shares per case and subject. kind `dots`: one metric,
    with one row per case and a logarithmic axis. `where` selects cases by their parameters.
    """

    title: str
    caption: str
    kind: str
    metrics: tuple[str, ...]
    x: str = "n_tasks"
    where: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """A sample of every metric, or of some in each part of it; `yardstick`: the seconds of fixed work beside them."""

    samples: Mapping[str, float]
    yardstick: Mapping[str, float] = field(default_factory=dict)


class Session(Protocol):
    """One subject at work on one case, in its own process."""

    def warm_up(self) -> None:
        """Does everything once, so that imports, caches and allocators are in their later state."""

    def round(self) -> Iterable[Round]:
        """One part, or several, each of which is measured when it is requested.

        Subjects take turns part by part, so that compared parts are measured at nearly the same time. All subjects of
        a case have the same parts.
        """

    def figures(self) -> Mapping[str, float]:
        """Numbers that are read once, such as sizes, memory and counters. Called after the last round."""

    def close(self) -> None:
        """Releases the resources of the session."""


class Suite(Protocol):
    """A question, and its measurement. `reference` names the subject to which the ratios of the report refer.

    `divisor` says what a time of the product is divided by before two runs are compared: "reference", a
    metric of the reference subject in the same part of the same round, or "yardstick", fixed work timed just before and
    after it. `needs` names the services (`services.py`) that its cases need. `minutes`: its duration on two idle cores;
    a missing size was not timed.
    """

    name: str
    title: str
    reference: str
    divisor: str
    needs: frozenset[str]
    minutes: Mapping[Size, float]
    metrics: Sequence[Metric]
    charts: Sequence[Chart]
    headline: Sequence[str]  # metrics of the Markdown table

    def cases(self, size: Size, seed: int) -> Sequence[Case]: ...

    def environ(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Mapping[str, str]:
        """Variables that the process of every subject starts with."""

    def open(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Session: ...


def discover_suites() -> dict[str, Suite]:
    """Every suite by name."""
    from . import suites

    modules = [
        importlib.import_module(f"{suites.__name__}.{m.name}") for m in pkgutil.iter_modules(suites.__path__)
    ]
    return {module.SUITE.name: module.SUITE for module in modules}


def metric_named(suite: Suite, name: str) -> Metric:
    """One without a unit if the suite has none of this name."""
    return next((metric for metric in suite.metrics if metric.name == name), Metric(name, name, ""))
