"""`python -m bench`, and `sched-cache bench` once installed."""

from __future__ import annotations

import argparse
import math
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from sched_cache.cli.table import render

from . import before_after
from .agree import agreements, render_agreements
from .arguments import new_parser
from .campaign import FOLDER, CampaignError, Choice, beside, run_suites
from .compare import compare, render_comparison
from .interpreter import candidates, find_interpreter, is_checkout
from .replay.documents import write_documents
from .replay.reading import ReplayError, from_database, from_files
from .results import ResultsError, newest_files, read_results
from .runner import Plan
from .servers import ServerError
from .size import Size
from .subject import discover_subjects
from .suite import Suite, discover_suites

# The commands that an operator needs first come first.
_ON_THE_PAGE = (
    *("replay", "loop", "restart", "latency", "churn", "nodes"),
    *("memory", "lookup", "format", "scale"),
)
_QUICK_REPEAT_SECONDS = 100.0  # so that `--quick` ends within three minutes on a busy machine, too
_BROKEN_PIPE = 141  # as a shell names a program that SIGPIPE has ended


class UsageError(Exception):
    """The command cannot be carried out; the message has the reason."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 something is slower or failed, 2 the command cannot be carried out."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in discover_suites():
        given.insert(0, "run")
    try:
        options = new_parser().parse_args(given)
    except SystemExit as ended:  # argparse has printed the reason: --help, or a usage error
        return ended.code if isinstance(ended.code, int) else 2
    # So that its servers end with it if it is ended from outside.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        code = _COMMANDS[options.command](options)
        sys.stdout.flush()  # here, where a closed pipe can still be caught
    except BrokenPipeError:
        # The reader, such as `head`, has closed the pipe. Nothing may be written any more, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except (UsageError, CampaignError, ReplayError, ResultsError, ServerError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    return code


def _list(options: argparse.Namespace) -> int:
    subjects = discover_subjects()
    pool, size = candidates(options.python), options.size
    for suite in discover_suites().values():
        expected = f"; about {suite.minutes[size]:.1f} min" if size in suite.minutes else ""
        print(f"{suite.name}: {suite.title}{expected}")
        rows = []
        for subject in (s for s in subjects.values() if suite.name in s.suites):
            python = find_interpreter(subject.requires, pool, of_any_minor=options.python is not None)
            place = python or f"cannot run here: no interpreter has {', '.join(subject.requires)}"
            rows.append((subject.name, subject.title, str(place)))
        print(render(("subject", "", "interpreter"), rows, indent=2))
        for case in suite.cases(size, seed=0):
            print(f"  case    {case.label}")
    return 0


def _run(options: argparse.Namespace) -> int:
    with ExitStack() as stack:
        if options.from_database or options.from_files:
            _gather(options, Path(stack.enter_context(TemporaryDirectory(prefix="bench-replay-"))))
            options.suites = ["replay"]
        elif "replay" in options.suites:
            raise UsageError("which DAGs? --from-database URL or --from-files FOLDER")
        return _run_chosen(options)


def _suites(names: Sequence[str], size: Size) -> list[Suite]:
    suites = discover_suites()
    for name in names:
        if name not in ("all", *suites):
            raise UsageError(f"there is no suite {name!r}; there are {', '.join(suites)}")
    if names and "all" not in names:
        return [suites[name] for name in names]
    # `all` does not include suites that need arguments of their own.
    return [suite for suite in suites.values() if suite.cases(size, seed=0)]


def _gather(options: argparse.Namespace, folder: Path) -> None:
    documents = (
        from_database(options.from_database) if options.from_database else from_files(options.from_files)
    )
    if not write_documents(documents, folder / "documents.jsonl", show_names=options.show_names):
        raise UsageError("no serialized DAG was found there")


def _run_chosen(options: argparse.Namespace) -> int:
    chosen = _suites(options.suites, options.size)
    if options.output and len(chosen) > 1:
        raise UsageError("each suite has a result file of its own: no --output with more than one")
    if options.output and not options.append:
        options.output.unlink(missing_ok=True)
        beside(options.output).unlink(missing_ok=True)
    choice = Choice(
        size=options.size,
        seed=options.seed,
        subjects=options.subject or (),
        cases=options.case or (),
        python=options.python,
        needs_reference=not options.beside,  # the product is measured against itself
    )
    is_quick = options.size is Size.QUICK
    plan = Plan(
        processes=options.processes or (1 if is_quick else 0),
        rounds=options.rounds or 0,
        max_rounds=21 if options.size is Size.THOROUGH else 15,
        planted=options.plant,
        is_beside=options.beside,
        until=time.monotonic() + 60 * options.minutes if options.minutes else math.inf,
        repeat_until=time.monotonic() + _QUICK_REPEAT_SECONDS
        if is_quick and not options.rounds
        else math.inf,
    )
    return 1 if run_suites(chosen, choice, plan, _command(options), options.output) else 0


def _command(options: argparse.Namespace) -> str:
    """The command that would repeat this, without paths of this machine."""
    words = ["python", "-m", "bench", "run", *(options.suites or ["all"])]
    if options.suites == ["replay"]:
        words += ["--from-database", "URL"] if options.from_database else ["--from-files", "FOLDER"]
    words += [f"--{options.size.value}"] if options.size is not Size.STANDARD else []
    for name in ("subject", "case"):
        for value in getattr(options, name) or ():
            words += [f"--{name}", value]
    for name in ("processes", "rounds", "minutes", "seed", "plant"):
        if getattr(options, name):
            words += [f"--{name}", str(getattr(options, name))]
    words += ["--beside"] if options.beside else []
    return shlex.join(words)


def _report(options: argparse.Namespace) -> int:
    from .report.markdown import markdown_table
    from .report.readme import write_readme

    if options.readme:
        if not is_checkout():
            raise UsageError("--readme writes into a checkout, and this is an installation")
        print(write_readme())
        return 0
    paths = options.results or _newest_of_each_suite()
    results = [read_results(path) for path in paths]
    if options.markdown:
        print("\n\n".join(markdown_table(one) for one in results))
    elif any(find_spec(library) is None for library in ("jinja2", "matplotlib")):
        raise UsageError(
            "the page needs Jinja2 and matplotlib: pip install 'sched-cache[bench]'; --markdown does without"
        )
    else:
        from .report.page import write_report

        print(write_report(results, options.output))
    return 0


def _newest_of_each_suite() -> list[Path]:
    newest = _newest(FOLDER)
    if not newest:
        raise UsageError(f"no results in {FOLDER}/; run a suite first")
    order = {name: place for place, name in enumerate(_ON_THE_PAGE)}
    return [newest[name] for name in sorted(newest, key=lambda name: order.get(name, len(order)))]


def _newest(folder: Path) -> dict[str, Path]:
    """By suite."""
    newest: dict[str, Path] = {}
    for path in newest_files(folder):
        newest.setdefault(read_results(path).run.suite, path)
    return newest


def _compare(options: argparse.Namespace) -> int:
    pairs = [tuple(map(read_results, paths)) for paths in _paired(options.old, options.new)]
    if options.agree is not None:
        found = [one for old, new in pairs for one in agreements(old, new)]
        print(render_agreements(found, options.agree / 100))
        judged = [one for one in found if not one.unjudged]
        if not judged:
            raise UsageError("the two have no ratio in common that could be judged")
        return int(any(one.difference > options.agree / 100 for one in judged))
    codes = set()
    for old, new in pairs:
        if len(pairs) > 1:
            print(f"{old.run.suite}:")
        try:
            comparison = compare(old, new, tolerance=options.tolerance / 100)
        except ResultsError as error:
            if len(pairs) == 1:
                raise
            print(f"{error}")
            codes.add(2)
            continue
        print(render_comparison(comparison))
        codes.add(comparison.exit_code)
    return 1 if 1 in codes else max(codes)


def _paired(old: Path, new: Path) -> list[tuple[Path, Path]]:
    """Pairs of result files: the two that are given, or those of the same suite in two folders."""
    if not (old.is_dir() and new.is_dir()):
        return [(old, new)]
    by_suite = _newest(old), _newest(new)
    both = [name for name in by_suite[0] if name in by_suite[1]]
    if not both:
        raise UsageError(f"{old} and {new} have no suite in common")
    return [(by_suite[0][name], by_suite[1][name]) for name in sorted(both)]


def _before_after(options: argparse.Namespace) -> int:
    return before_after.main(options.commit, options.size, options.suite or ())


_COMMANDS = {
    "list": _list,
    "run": _run,
    "report": _report,
    "compare": _compare,
    "before-after": _before_after,
}
