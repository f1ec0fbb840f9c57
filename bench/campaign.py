"""Runs suites one after the other, each into a result file of its own."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from .case import Case
from .interpreter import candidates, find_interpreter
from .machine import describe_machine, revision
from .progress import Progress
from .results import Run, to_line
from .runner import Plan, run_case
from .services import start_services
from .size import Size
from .subject import Subject, discover_subjects
from .suite import Suite

FOLDER = Path("bench-results")


class CampaignError(Exception):
    """The request cannot be carried out; the message has the reason."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The part of each suite to run. Empty `subjects` or `cases`: all of them. The reference runs without being named.

    cases: parameters that a case must have, as in `n_dags=3 n_tasks=1000`.
    """

    size: Size
    seed: int
    subjects: Sequence[str]
    cases: Sequence[str]
    python: str | None
    needs_reference: bool = True


def run_suites(suites: Sequence[Suite], choice: Choice, plan: Plan, command: str, output: Path | None) -> int:
    """Runs the suites, and returns how many subjects failed. Prints the path of each result file.

    Raises:
        CampaignError: a suite has no such subject or case, or nothing of it can run here.
        ServerError: a service did not start.
    """
    chosen = []
    for suite in suites:
        placed = _placed(suite, choice)
        chosen.append((suite, _able(suite, _cases(suite, choice), placed, choice.subjects), placed))
    n_failed = 0
    expected_seconds = [
        60 * suite.minutes.get(choice.size, 1.0) / len(suite.cases(choice.size, choice.seed))
        for suite, cases, _ in chosen
        for _ in cases
    ]
    progress = Progress(expected_seconds)
    is_timed = all(choice.size in suite.minutes for suite in suites)
    expected = (
        f", about {max(1.0, sum(expected_seconds) / 60):.0f} min on two quiet cores" if is_timed else ""
    )
    progress.note(f"{len(expected_seconds)} cases{expected}")
    needed = {service for suite in suites for service in suite.needs}
    with start_services(needed, quick=choice.size is Size.QUICK) as services:
        for suite, cases, subjects in chosen:
            now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
            path = output or FOLDER / f"{suite.name}-{now:%Y%m%dT%H%M%SZ}.jsonl"
            run = Run(
                suite=suite.name,
                command=command,
                started_at=now.isoformat(),
                revision=revision(),
                machine=describe_machine(),
                options={
                    "size": choice.size.value,
                    "processes": plan.processes,
                    "rounds": plan.rounds,
                },
                planted=plan.planted,
                beside=now.isoformat() if plan.is_beside else "",
            )
            n_failed += _run_suite(
                run, suite, cases, subjects, choice.subjects, services, plan, progress, path
            )
            print(path)
    return n_failed


def _run_suite(
    run: Run,
    suite: Suite,
    cases: Sequence[Case],
    subjects: Sequence[tuple[Subject, Path]],
    asked_for: Sequence[str],
    services: Mapping[str, str],
    plan: Plan,
    progress: Progress,
    path: Path,
) -> int:
    able = [(subject, python) for subject, python in subjects if subject.needs <= services.keys()]
    path.parent.mkdir(parents=True, exist_ok=True)
    n_failed = 0
    with ExitStack() as stack:
        file = stack.enter_context(path.open("a", buffering=1))
        files = [file]
        print(to_line(run), file=file)
        if run.beside:
            files.append(stack.enter_context(beside(path).open("a", buffering=1)))
            print(to_line(replace(run, planted="")), file=files[1])
        for case in cases:
            if time.monotonic() > plan.until:
                progress.note(f"{suite.name}: no time for {case.label}")
                continue
            failed = set()
            measured = taking_part(case, able, asked_for)
            for record, is_twin in run_case(case, suite, measured, services, plan, progress):
                # Records without a planted change belong to both.
                for to in files if not record.is_product else files[1:] if is_twin else files[:1]:
                    print(to_line(record), file=to)
                if record.error:
                    failed.add(record.subject)
                    progress.note(f"{case.label}: {record.subject} failed\n{record.error.rstrip()}")
            n_failed += len(failed)
            text = f"{suite.name}: {case.label}"
            progress.case_done(text + (f" (failed: {', '.join(sorted(failed))})" if failed else ""))
    return n_failed


def _able(
    suite: Suite,
    cases: Sequence[Case],
    placed: Sequence[tuple[Subject, Path]],
    asked_for: Sequence[str],
) -> list[Case]:
    """The cases that have a subject; the others are named."""
    able = []
    for case in cases:
        if taking_part(case, placed, asked_for):
            able.append(case)
            continue
        others = ", ".join(subject.name for subject, _ in placed)
        print(
            f"bench: leaving out {suite.name}: {case.label}: it is measured with {', '.join(case.subjects)}, and none "
            f"of them can run here; --subject adds {others}",
            file=sys.stderr,
        )
    if not able:
        raise CampaignError(f"no case of {suite.name} has a subject that can run here; see `list`")
    return able


def taking_part(
    case: Case, able: Sequence[tuple[Subject, Path]], asked_for: Sequence[str]
) -> list[tuple[Subject, Path]]:
    """The subjects of the case, and those that were named."""
    named = {*case.subjects, *asked_for}
    return [(subject, python) for subject, python in able if not case.subjects or subject.name in named]


def beside(path: Path) -> Path:
    """The file with the results of the twins: that of `new.jsonl` is `new.beside.jsonl`."""
    return path.with_suffix(".beside" + path.suffix)


def _chosen(suite: Suite, choice: Choice) -> list[Subject]:
    able = {name: subject for name, subject in discover_subjects().items() if suite.name in subject.suites}
    names = choice.subjects
    if not names:
        return [subject for subject in able.values() if subject.is_quick or choice.size is not Size.QUICK]
    for name in names:
        if name not in able:
            raise CampaignError(f"suite {suite.name} has no subject {name!r}; it has {', '.join(able)}")
    wanted = {*names, suite.reference} if choice.needs_reference else {*names}
    return [subject for name, subject in able.items() if name in wanted]


def _placed(suite: Suite, choice: Choice) -> list[tuple[Subject, Path]]:
    """Each subject with its interpreter. It is the same one for all if one interpreter has everything they require."""
    subjects = _chosen(suite, choice)
    pool, is_chosen = candidates(choice.python), choice.python is not None
    common = find_interpreter(
        {r for subject in subjects for r in subject.requires}, pool, of_any_minor=is_chosen
    )
    placed = []
    for subject in subjects:
        found = common or find_interpreter(subject.requires, pool, of_any_minor=is_chosen)
        if found is None:
            print(
                f"bench: leaving out {subject.name}: no interpreter has {subject.requires}", file=sys.stderr
            )
        else:
            placed.append((subject, found))
    if not placed:
        raise CampaignError(f"no subject of {suite.name} can run here; see `list`")
    return placed


def _cases(suite: Suite, choice: Choice) -> list[Case]:
    cases = list(suite.cases(choice.size, choice.seed))
    if choice.cases:
        cases = [
            case
            for case in cases
            if any(set(text.split()) <= set(case.label.split()) for text in choice.cases)
        ]
    if not cases:
        raise CampaignError(f"no case of {suite.name} has these parameters; see `list`")
    return cases
