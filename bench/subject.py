"""The interface of subjects: the code that is measured.

One file under `subjects/` adds one subject, or a few that are alike.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

from .case import Case

Operation = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Work:
    """The operations and numbers of a subject for one case.

    timed: metric name -> the operation to time; each does all of its work again on every call.
    retained: metric name -> an operation; the memory that its result keeps alive is measured.
    figures: metric name -> a number that does not depend on time, such as a size in bytes.
    counters: read once after the last round, such as hits and misses.
    settle: waits for the end of the subject's background work.
    """

    timed: Mapping[str, Operation] = field(default_factory=dict)
    retained: Mapping[str, Operation] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    counters: Callable[[], Mapping[str, float]] = dict
    settle: Callable[[], None] = lambda: None


class Subject(Protocol):
    """One way of doing what a suite measures: the product, the host, a rival.

    `requires` names the distributions its interpreter must have, with a version prefix:
    `apache-airflow-core==3.3`; `needs` the services without which it is omitted. `is_product` is true for subjects that
    `compare` judges, `is_quick` for those that `--quick` runs by default. `about` describes the subject to readers of
    the report. Importing the module of a subject does not import the required distributions.
    """

    name: str
    title: str
    about: str
    suites: frozenset[str]
    requires: tuple[str, ...]
    needs: frozenset[str]
    is_product: bool
    is_quick: bool

    def environ(self, case: Case, services: Mapping[str, str]) -> Mapping[str, str]:
        """The environment of its process. `services`: name -> URL of the services that the suite has started."""

    def open(self, case: Case) -> Work:
        """Called once in its own process, before anything is measured. Its cost is not measured."""


@dataclass(frozen=True, slots=True)
class CodecSubject:
    """A subject that needs no environment: the usual case for formats and caches."""

    name: str
    title: str
    suites: frozenset[str]
    requires: tuple[str, ...]
    work: Callable[[Case], Work]
    is_product: bool = False
    needs: frozenset[str] = frozenset()
    is_quick: bool = True
    about: str = ""

    def environ(self, case: Case, services: Mapping[str, str]) -> Mapping[str, str]:
        return {}

    def open(self, case: Case) -> Work:
        return self.work(case)


def discover_subjects() -> dict[str, Subject]:
    """Every subject by name, in alphabetical order of their files."""
    from . import subjects

    found: dict[str, Subject] = {}
    for module in pkgutil.iter_modules(subjects.__path__):
        for subject in importlib.import_module(f"{subjects.__name__}.{module.name}").SUBJECTS:
            if subject.name in found:
                raise ValueError(f"two subjects are called {subject.name!r}")
            found[subject.name] = subject
    return found


_TWIN = "__beside"


def twin_of(subject: Subject) -> Subject:
    """The same subject under another name, so that both can run at the same time: databases are called after names."""
    twin: Subject = replace(cast(Any, subject), name=subject.name + _TWIN)
    return twin


def name_without_twin(name: str) -> str:
    """The name that a subject and its twin share in results."""
    return name.removesuffix(_TWIN)


def find_subject(name: str) -> Subject:
    """Raises KeyError."""
    subject = discover_subjects()[name_without_twin(name)]
    return twin_of(subject) if name.endswith(_TWIN) else subject
