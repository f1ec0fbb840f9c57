"""`python -m bench`, and `sched-cache bench` once installed."""

from __future__ import annotations

import argparse
import datetime
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from .case import Case
from .compare import compare, render_comparison
from .interpreter import PACKAGE, candidates, find_interpreter
from .machine import describe_machine, revision
from .progress import Progress
from .results import ResultsError, Run, newest_files, read_results, to_line
from .runner import Plan, run_case
from .subject import Subject, discover_subjects
from .suite import Suite, discover_suites

FOLDER = Path("bench-results")

_EXAMPLES = """examples:
  python -m bench list                          what there is
  python -m bench run format --quick            the short version of one suite
  python -m bench format --subject sched_cache  the same as `run format`; the reference always runs
  python -m bench report                        an HTML page and a Markdown table of the newest results
  python -m bench compare OLD.jsonl NEW.jsonl   what got slower between two runs; exit 1 if anything did
"""


class UsageError(Exception):
    """The command cannot be carried out; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 something is slower or failed, 2 the command cannot be carried out."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in discover_suites():
        given.insert(0, "run")
    options = _parser().parse_args(given)
    try:
        code: int = options.do(options)
    except (UsageError, ResultsError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {PACKAGE}",
        description="Measure sched_cache against the scheduler it plugs into.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="suites, their cases, and the subjects that can run here")
    listing.add_argument("--python", help="this interpreter for every subject, instead of looking in .venvs/")
    listing.set_defaults(do=_list)

    run = commands.add_parser("run", help="run one suite")
    run.add_argument("suite", choices=discover_suites())
    run.add_argument(
        "--quick", action="store_true", help="fewer and smaller cases, one set of processes: minutes"
    )
    run.add_argument("--subject", action="append", help="only this one and the reference; may be repeated")
    run.add_argument(
        "--case",
        action="append",
        help="only cases with these parameters, as in 'n_dags=3 n_tasks=1000'; may be repeated",
    )
    run.add_argument(
        "--processes", type=_positive, help="sets of fresh processes per case (default 3, quick 1)"
    )
    run.add_argument("--rounds", type=_positive, help="most rounds per process (default 21, quick 15)")
    run.add_argument("--seed", type=int, default=0, help="of the generated DAGs (default 0)")
    run.add_argument("--python", help="this interpreter for every subject, instead of looking in .venvs/")
    run.add_argument("--output", type=Path, help=f"result file (default {FOLDER}/SUITE-TIME.jsonl)")
    run.add_argument(
        "--plant", default="", metavar="MODULE:FUNCTION=PERCENT", help="slow a function of the product"
    )
    run.set_defaults(do=_run)

    report = commands.add_parser("report", help="one HTML page with charts, and a Markdown table")
    report.add_argument(
        "results", nargs="*", type=Path, help="result files (default: the newest of each suite)"
    )
    report.add_argument(
        "--output", type=Path, default=FOLDER / "report", help="folder (default bench-results/report)"
    )
    report.add_argument("--markdown", action="store_true", help="print the Markdown table only")
    report.set_defaults(do=_report)

    comparing = commands.add_parser("compare", help="what got slower between two runs, and where")
    comparing.add_argument("old", type=Path)
    comparing.add_argument("new", type=Path)
    comparing.add_argument(
        "--tolerance", type=float, default=5.0, help="percent that never count (default 5)"
    )
    comparing.set_defaults(do=_compare)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _list(options: argparse.Namespace) -> int:
    subjects = discover_subjects()
    pool = candidates(options.python)
    for suite in discover_suites().values():
        print(f"{suite.name}: {suite.title}")
        for subject in (s for s in subjects.values() if suite.name in s.suites):
            python = find_interpreter(subject.requires, pool)
            place = python or f"cannot run here: no interpreter has {', '.join(subject.requires)}"
            print(f"  subject {subject.name:14} {subject.title:45} {place}")
        for case in suite.cases(quick=False, seed=0):
            print(f"  case    {case.label}")
    return 0


def _run(options: argparse.Namespace) -> int:
    suite = discover_suites()[options.suite]
    subjects = _placed(suite, _chosen(suite, options.subject), options.python)
    cases = _cases(suite, options)
    plan = Plan(
        processes=options.processes or (1 if options.quick else 3),
        max_rounds=options.rounds or (15 if options.quick else 21),
        planted=options.plant,
    )
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    path: Path = options.output or FOLDER / f"{suite.name}-{now:%Y%m%dT%H%M%SZ}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    run = Run(
        suite=suite.name,
        command=_command(options),
        started_at=now.isoformat(),
        revision=revision(),
        machine=describe_machine(),
        options={"quick": options.quick, "processes": plan.processes, "max_rounds": plan.max_rounds},
        planted=plan.planted,
    )
    progress, n_failed = Progress(len(cases)), 0
    with path.open("w", buffering=1) as file, suite.services(quick=options.quick) as services:
        print(to_line(run), file=file)
        for case in cases:
            failed = set()
            for record in run_case(case, suite, subjects, services, plan, progress):
                print(to_line(record), file=file)
                if record.error:
                    failed.add(record.subject)
                    progress.note(f"{case.label}: {record.subject} failed\n{record.error.rstrip()}")
            n_failed += len(failed)
            progress.case_done(case.label + (f" (failed: {', '.join(sorted(failed))})" if failed else ""))
    print(path)
    return 1 if n_failed else 0


def _chosen(suite: Suite, names: Sequence[str] | None) -> list[Subject]:
    able = {name: subject for name, subject in discover_subjects().items() if suite.name in subject.suites}
    if not names:
        return list(able.values())
    for name in names:
        if name not in able:
            raise UsageError(f"suite {suite.name} has no subject {name!r}; it has {', '.join(able)}")
    return [subject for name, subject in able.items() if name in names or name == suite.reference]


def _placed(suite: Suite, subjects: Sequence[Subject], python: str | None) -> list[tuple[Subject, Path]]:
    """Each subject with its interpreter; all with the same one if any has everything they require."""
    pool = candidates(python)
    common = find_interpreter({r for subject in subjects for r in subject.requires}, pool)
    placed = []
    for subject in subjects:
        found = common or find_interpreter(subject.requires, pool)
        if found is None:
            print(
                f"bench: leaving out {subject.name}: no interpreter has {subject.requires}", file=sys.stderr
            )
        else:
            placed.append((subject, found))
    if not placed:
        raise UsageError(f"no subject of {suite.name} can run here; see `list`")
    return placed


def _cases(suite: Suite, options: argparse.Namespace) -> list[Case]:
    cases = list(suite.cases(quick=options.quick, seed=options.seed))
    if options.case:
        cases = [
            case
            for case in cases
            if any(set(text.split()) <= set(case.label.split()) for text in options.case)
        ]
    if not cases:
        raise UsageError(f"no case of {suite.name} has these parameters; see `list`")
    return cases


def _command(options: argparse.Namespace) -> str:
    """The command that would do this again, without what belongs to this machine."""
    words = ["python", "-m", "bench", "run", options.suite]
    words += ["--quick"] if options.quick else []
    for name in ("subject", "case"):
        for value in getattr(options, name) or ():
            words += [f"--{name}", value]
    for name in ("processes", "rounds", "seed", "plant"):
        if getattr(options, name):
            words += [f"--{name}", str(getattr(options, name))]
    return shlex.join(words)


def _report(options: argparse.Namespace) -> int:
    from .report import write_report
    from .report.markdown import markdown_table

    paths = options.results or _newest_of_each_suite()
    results = [read_results(path) for path in paths]
    if options.markdown:
        print("\n\n".join(markdown_table(one) for one in results))
    else:
        print(write_report(results, options.output))
    return 0


def _newest_of_each_suite() -> list[Path]:
    newest: dict[str, Path] = {}
    for path in newest_files(FOLDER):
        newest.setdefault(read_results(path).run.suite, path)
    if not newest:
        raise UsageError(f"no results in {FOLDER}/; run a suite first")
    return list(newest.values())


def _compare(options: argparse.Namespace) -> int:
    comparison = compare(
        read_results(options.old), read_results(options.new), tolerance=options.tolerance / 100
    )
    print(render_comparison(comparison))
    return comparison.exit_code
