"""The arguments of `python -m bench`."""

from __future__ import annotations

import argparse
from pathlib import Path

from .campaign import FOLDER
from .interpreter import PACKAGE
from .size import Size
from .suite import discover_suites

_EXAMPLES = """examples:
  python -m bench list                          what there is
  python -m bench run all --quick               the short version of everything: three minutes, on SQLite
  python -m bench format --subject sched_cache  the same as `run format`; the reference always runs
  python -m bench run --from-database URL       what your own DAGs would gain; the database is only read
  python -m bench report                        an HTML page and a Markdown table of the newest results
  python -m bench compare OLD.jsonl NEW.jsonl   what got slower between two runs; exit 1 if anything did
  python -m bench before-after COMMIT --quick   what got slower since then, both measured now; five minutes
  python -m bench compare OLD NEW --agree 10    whether two runs of the same code say the same
"""


def new_parser() -> argparse.ArgumentParser:
    """The parser. Its result has `command`: list, run, report, compare or before-after."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {PACKAGE}",
        description="Measure sched_cache against the scheduler it plugs into.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="suites, their cases, and the subjects that can run here")
    listing.add_argument("--python", help="this interpreter for every subject, instead of looking in .venvs/")
    _add_sizes(listing)
    listing.set_defaults(command="list")

    run = commands.add_parser("run", help="run one suite, or all")
    run.add_argument(
        "suites", nargs="*", metavar="SUITE", help=f"all (default), {', '.join(discover_suites())}"
    )
    _add_sizes(run)
    run.add_argument("--subject", action="append", help="only this one and the reference; may be repeated")
    run.add_argument(
        "--case",
        action="append",
        help="only cases with these parameters, as in 'n_dags=3 n_tasks=1000'; may be repeated",
    )
    run.add_argument("--processes", type=_positive, help="sets of fresh processes per case (default: 1 to 3)")
    run.add_argument(
        "--rounds", type=_positive, help="rounds per process (default: what fits into the time of the case)"
    )
    run.add_argument(
        "--minutes", type=float, help="start nothing after this long, and keep what was measured until then"
    )
    run.add_argument("--seed", type=int, default=0, help="of the generated DAGs (default 0)")
    run.add_argument("--python", help="this interpreter for every subject, instead of looking in .venvs/")
    run.add_argument("--output", type=Path, help=f"result file (default {FOLDER}/SUITE-TIME.jsonl)")
    run.add_argument(
        "--from-database", metavar="URL", help="your own DAGs from this metadata database, which is only read"
    )
    run.add_argument(
        "--from-files", type=Path, metavar="FOLDER", help="your own DAGs, a JSON file for each serialized DAG"
    )
    run.add_argument("--show-names", action="store_true", help="their dag_ids in the results, not hashes")
    run.add_argument("--append", action="store_true", help="add to the result file instead of replacing it")
    run.add_argument(
        "--plant", default="", metavar="MODULE:FUNCTION=PERCENT", help="slow a function of the product"
    )
    run.add_argument(
        "--beside",
        action="store_true",
        help="the product takes part twice, and what is not planted goes to another file: RESULT.beside.jsonl",
    )
    run.set_defaults(command="run")

    report = commands.add_parser("report", help="one HTML page with charts, and a Markdown table")
    report.add_argument(
        "results", nargs="*", type=Path, help="result files (default: the newest of each suite)"
    )
    report.add_argument(
        "--output", type=Path, default=FOLDER / "report", help="folder (default bench-results/report)"
    )
    report.add_argument("--markdown", action="store_true", help="print the Markdown table only")
    report.add_argument(
        "--readme", action="store_true", help="write the README's figures from the results in bench/results/"
    )
    report.set_defaults(command="report")

    comparing = commands.add_parser("compare", help="what got slower between two runs, and where")
    comparing.add_argument("old", type=Path, help="result file, or a folder with one for each suite")
    comparing.add_argument("new", type=Path, help="the same")
    comparing.add_argument(
        "--tolerance", type=float, default=5.0, help="percent that never count (default 5)"
    )
    comparing.add_argument(
        "--agree",
        type=float,
        metavar="PERCENT",
        help="instead: whether what the two report differs by no more than this; exit 1 if anything does",
    )
    comparing.set_defaults(command="compare")

    before = commands.add_parser(
        "before-after", help="the product beside itself at an earlier commit, in the same rounds; 20 minutes"
    )
    before.add_argument("commit", help="anything that git understands; of a time when `run` had --beside")
    before.add_argument("--suite", action="append", help="only this one; may be repeated")
    before.add_argument(
        "--quick",
        dest="size",
        action="store_const",
        const=Size.QUICK,
        default=Size.STANDARD,
        help="fewer cases and rounds: five minutes",
    )
    before.set_defaults(command="before-after")
    return parser


def _add_sizes(parser: argparse.ArgumentParser) -> None:
    sizes = parser.add_mutually_exclusive_group()
    for size, what in (
        (Size.QUICK, "the smallest cases and one set of processes, on SQLite: three minutes"),
        (Size.THOROUGH, "every case there is, and more rounds: hours"),
    ):
        sizes.add_argument(f"--{size.value}", dest="size", action="store_const", const=size, help=what)
    parser.set_defaults(size=Size.STANDARD)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
