"""Runs the cases of a suite: a process per subject, a case's subjects side by side, round after round."""

from __future__ import annotations

import json
import math
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .case import Case
from .interpreter import PACKAGE, child_environ
from .leash import let_go, start_on_leash
from .machine import load_average
from .progress import Progress
from .results import Record
from .subject import Subject, name_without_twin, twin_of
from .suite import Suite


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run: each case in `processes` sets of fresh processes, for `rounds` rounds each.

    processes, rounds: 0: as many as the case needs.
    is_beside: each product is measured twice, once without the planted change.
    before: the checkout of the second one, if it is not this one; it has services of its own.
    until: a time of the monotonic clock, after which no case, set or further round starts.
    repeat_until: a time after which each remaining case has only one round.
    """

    processes: int = 0
    rounds: int = 0
    max_rounds: int = 21
    case_timeout_seconds: float = 900.0
    planted: str = ""
    is_beside: bool = False
    before: Path | None = None
    before_services: Mapping[str, str] = field(default_factory=dict)
    until: float = math.inf
    repeat_until: float = math.inf


class WorkerError(Exception):
    """A subject failed; the message ends with its output."""


def run_case(
    case: Case,
    suite: Suite,
    subjects: Sequence[tuple[Subject, Path]],
    services: Mapping[str, str],
    plan: Plan,
    progress: Progress,
) -> Iterator[tuple[Record, bool]]:
    """Yields one record per subject and process, and whether it is that of a twin.

    A subject that fails yields a record with its error, and the others continue.
    """
    n_processes = plan.processes or case.max_processes
    for process in range(n_processes):
        if process and time.monotonic() > plan.until:
            return
        with ExitStack() as stack:
            workers = []
            for subject, python in _with_twins(subjects) if plan.is_beside else subjects:
                progress.say(f"{case.label}: set {process + 1} of {n_processes}, opening {subject.name}")
                is_twin = subject.name != name_without_twin(subject.name)
                planted = plan.planted if subject.is_product and not is_twin else ""
                checkout = plan.before if is_twin else None
                worker = Worker(
                    *(case, suite, subject, python),
                    plan.before_services if checkout else services,
                    *(plan.case_timeout_seconds, planted, checkout),
                )
                stack.callback(worker.stop)
                worker.ask("open")
                worker.ask("warm up")
                workers.append(worker)
            _rounds(case, workers, plan, progress, process)
            for worker in workers:
                worker.ask("finish")
                record = worker.record(process)
                yield record, record.subject != worker.subject.name


def _with_twins(subjects: Sequence[tuple[Subject, Path]]) -> Iterator[tuple[Subject, Path]]:
    for subject, python in subjects:
        yield subject, python
        if subject.is_product:
            yield twin_of(subject), python


def _rounds(case: Case, workers: list[Worker], plan: Plan, progress: Progress, process: int) -> None:
    most = plan.rounds or min(plan.max_rounds, max(case.min_rounds, case.max_rounds))
    until = time.monotonic() + case.budget_seconds * len(workers)
    for number in range(most):
        if not plan.rounds and number >= case.min_rounds and time.monotonic() > until:
            return
        if number and time.monotonic() > min(plan.until, plan.repeat_until):
            if not plan.rounds and number < case.min_rounds:
                progress.note(f"{case.label}: no time for more than {number} of {case.min_rounds} rounds")
            return
        progress.say(f"{case.label}: set {process + 1}, round {number + 1} of {most}")
        # A B C, then B C A: the subjects of a part are neighbours in time, and none always follows the
        # same one.
        first = number % len(workers)
        measuring = workers[first:] + workers[:first]
        while measuring:
            measuring = [worker for worker in measuring if worker.ask("part")]
            measuring = measuring[1:] + measuring[:1]


@dataclass(slots=True)
class Worker:
    """A running process, with its answers so far.

    After its first failure it answers nothing any more.
    """

    case: Case
    suite: Suite
    subject: Subject
    python: Path
    services: Mapping[str, str]
    timeout_seconds: float
    planted: str
    checkout: Path | None = None
    samples: dict[str, list[float]] = field(default_factory=dict)
    yardstick: dict[str, list[float]] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    load_before: float = field(default_factory=load_average)
    _process: subprocess.Popen[str] | None = None
    _log: Any = None

    def ask(self, command: str) -> bool:
        """Sends one command and keeps the answer. False if it has failed, or if the round is over."""
        if self.error:
            return False
        try:
            if command == "open":
                self._start()
            else:
                self._send(command)
            answer = self._receive()
        except WorkerError as error:
            self.error = str(error)
            self.stop()
            return False
        self._keep(answer)
        return "round" not in answer

    def record(self, process: int) -> Record:
        return Record(
            case=self.case.label,
            parameters=self.case.parameters,
            subject=name_without_twin(self.subject.name),
            is_product=self.subject.is_product,
            process=process,
            seed=self.case.seed,
            samples=self.samples,
            figures=self.answers.get("figures", {}),
            yardstick=self.yardstick,
            peak_rss_bytes=self.answers.get("peak_rss_bytes", 0),
            load=[self.load_before, load_average()],
            versions=self.answers.get("versions", {}),
            error=self.error,
        )

    def stop(self) -> None:
        if self._process is not None:
            let_go(self._process)
            self._log.close()
            self._process = None

    def _start(self) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed by stop
        self._process = start_on_leash(
            [str(self.python), "-m", f"{PACKAGE}.worker"],
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=self.checkout,  # with `-m` that comes first on the path
            env=child_environ(
                {
                    **self.suite.environ(self.case, self.subject, self.services),
                    **self.subject.environ(self.case, self.services),
                    **_path_of(self.checkout),
                }
            ),
        )
        self._send(
            {
                "suite": self.suite.name,
                "subject": self.subject.name,
                "case": asdict(self.case),
                "services": dict(self.services),
                "planted": self.planted,
            }
        )

    def _send(self, message: object) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise WorkerError(self._failure("ended by itself")) from error

    def _receive(self) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], self.timeout_seconds)
        if not ready:
            raise WorkerError(self._failure(f"no answer within {self.timeout_seconds:.0f} s"))
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(self._failure("ended by itself"))
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def _keep(self, answer: dict[str, Any]) -> None:
        for kept, measured in ((self.samples, "samples"), (self.yardstick, "yardstick")):
            for metric, seconds in answer.pop(measured, {}).items():
                kept.setdefault(metric, []).append(seconds)
        self.answers |= answer

    def _failure(self, what: str) -> str:
        self._log.seek(0)
        return f"{self.subject.name}: {what}\n{self._log.read()[-2000:]}"


def _path_of(checkout: Path | None) -> dict[str, str]:
    """The variable that makes Python import from another checkout, and not from this one."""
    if checkout is None:
        return {}
    return {"PYTHONPATH": os.pathsep.join((str(checkout), str(checkout / "adapters")))}
