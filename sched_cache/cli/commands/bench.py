"""Compare sched_cache with the scheduler of the installed Airflow.

The arguments after `bench` go to the benchmark harness: `list`, `run SUITE`, `report`, `compare OLD NEW`.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from importlib.util import find_spec

from sched_cache.cli.failure import UsageError

EXAMPLES = """\
  sched-cache bench list
  sched-cache bench run all --quick
  sched-cache bench run --from-database postgresql://reader@metadata/airflow
  sched-cache bench report
"""
_PLACES = ("sched_cache_bench", "bench")  # installed, and in a checkout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="...", help="see `sched-cache bench list --help`"
    )


def run(arguments: argparse.Namespace) -> int:
    found = next((name for name in _PLACES if find_spec(name) is not None), None)
    if found is None:
        raise UsageError("the harness is not installed")
    code: int = import_module(f"{found}.cli").main(arguments.arguments or ["--help"])
    return code
