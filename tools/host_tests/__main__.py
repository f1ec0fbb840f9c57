"""Runs Airflow's own tests without and with the plugin, and compares the outcome of each test.

`make host-tests SOURCE=FOLDER`, or `python -m tools.host_tests FOLDER [--release X.Y.Z] [TEST ...]`. FOLDER is a
checkout of Airflow. A TEST is a path below the folder of its tests, such as `models/test_dagrun.py`; without, those run
that concern the plugin. The exit code is 1 if a test fails only with the plugin, 2 if the comparison could not be made.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.environments import ROOT, Environment, ensure
from tools.host_tests.checkout import Checkout, CheckoutError
from tools.host_tests.comparison import Comparison, of_files
from tools.host_tests.environment import environment_of, install_plugin
from tools.host_tests.pinned_tests import pinned_in
from tools.host_tests.runs import RunError, run
from tools.interpreters import NoInterpreterError

WORKSPACES = ROOT / "build" / "host-tests"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.host_tests", description=__doc__)
    parser.add_argument("source", type=Path, metavar="FOLDER", help="a checkout of Airflow")
    parser.add_argument("test", nargs="*", help="a path below the folder of its tests")
    parser.add_argument("--release", help="install this patch release, if the checkout is of another one")
    chosen = parser.parse_args(arguments)
    try:
        checkout = Checkout.at(chosen.source)
        tests = checkout.chosen(chosen.test)
        release = checkout.installable(chosen.release)
        environment = environment_of(release)
        _say(ensure(environment))
        comparison = _compared(checkout, environment, tests, release)
    except (CheckoutError, NoInterpreterError, RunError) as error:
        _say(f"host-tests: {error}")
        return 2
    except subprocess.CalledProcessError as error:
        _say(f"host-tests: no environment: {error.cmd[0]} ended with exit code {error.returncode}")
        return 2
    print(*comparison.table(), "", *comparison.verdict(), sep="\n")
    if not comparison.is_good():
        return 1
    if comparison.undecided():
        _say(f"host-tests: {comparison.undecided()}")
        return 2
    return 0


def _compared(checkout: Checkout, environment: Environment, tests: Sequence[str], release: str) -> Comparison:
    workspace = WORKSPACES / release
    checkout.lay_out(workspace)
    plugin = workspace / "plugin"
    install_plugin(environment, plugin)
    python = environment.executable("python")
    with_plugin = run(checkout, python, tests, workspace, plugin, _say)
    with_plugin.demand_use()
    _say(
        f"decisions by the fast path: {with_plugin.use['n_decided']}; DAGs read: {with_plugin.use['n_dags']}"
    )
    without = run(checkout, python, tests, workspace, None, _say)
    without.demand_without()
    expected = of_files(pinned_in(release), checkout.layout.root, tests)
    return Comparison(without, with_plugin, expected, is_partial=any("::" in test for test in tests))


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
