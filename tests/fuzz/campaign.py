"""The loop: damage an input, look at the answer, keep the input if the answer is new."""

from __future__ import annotations

import pickle
import re
import tempfile
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.target import MAX_INPUT_BYTES, SHARES, TARGETS

_DETAIL = re.compile(r"'[^']*'|\"[^\"]*\"|[0-9a-f]{32}|[0-9]+")
_MAX_KEPT = 4096


@dataclass(slots=True)
class Finding:
    """An answer that the format must not give. folder: input, seed and traceback, for `--reproduce`."""

    target: str
    execution: int
    error: str
    folder: Path


@dataclass(slots=True)
class Campaign:
    """Fuzzing from one seed: the same executions in the same order, however long it runs.

    An answer is the set of reasons for refusal, without numbers and names: every check in the reader has a
    reason of its own, so a new set stands for a new way through the code, and its input is damaged further.
    """

    documents: Iterable[Any]
    seed: int
    executions: int = 0
    findings: list[Finding] = field(default_factory=list)
    answers: dict[str, set[frozenset[str]]] = field(default_factory=dict)

    def run(self, keep_going: Callable[[], bool], max_findings: int = 10) -> None:
        """Executions until `keep_going` says no, or so many findings."""
        random = Random(self.seed)
        documents = list(self.documents)
        kept = {name: target.seeds(documents) for name, target in TARGETS.items()}
        self.answers = {name: set() for name in TARGETS}
        names, weights = list(SHARES), list(SHARES.values())
        while keep_going() and len(self.findings) < max_findings:
            [name] = random.choices(names, weights)
            target = TARGETS[name]
            sample = target.damaged(random.choice(kept[name]), random)
            self.executions += 1
            try:
                answer = frozenset(_DETAIL.sub("", reason) for reason in target.answer_to(sample))
            except Exception as error:
                self._report(name, sample, error)
                continue
            if answer not in self.answers[name]:
                self.answers[name].add(answer)
                if _size(sample) <= MAX_INPUT_BYTES and len(kept[name]) < _MAX_KEPT:
                    kept[name].append(sample)

    def _report(self, name: str, sample: Any, error: Exception) -> None:
        folder = Path(tempfile.mkdtemp(prefix="sched-cache-fuzz-"))
        (folder / "input.pickle").write_bytes(pickle.dumps((name, sample)))
        (folder / "traceback.txt").write_text(
            f"target {name}, seed {self.seed}, execution {self.executions}\n"
            + "".join(traceback.format_exception(error)),
            errors="backslashreplace",
        )
        first_line = f"{type(error).__name__}: {error}".splitlines()[0]
        self.findings.append(Finding(name, self.executions, first_line, folder))


def reproduce(folder: Path) -> None:
    """Runs the input of a finding again; raises what it raised."""
    name, sample = pickle.loads((folder / "input.pickle").read_bytes())
    TARGETS[name].answer_to(sample)


def _size(sample: Any) -> int:
    return sum(map(len, sample)) if isinstance(sample, tuple) else len(repr(sample))
