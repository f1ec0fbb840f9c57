"""Runs the demo and prints its table."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict
from io import TextIOWrapper

from sched_cache_airflow.demo.figures import Measured, Section, sections, table
from sched_cache_airflow.demo.home import DemoHome, demo_home
from sched_cache_airflow.demo.plan import SIZES, write_dag_file
from sched_cache_airflow.releases import host_version

_NEEDED = "3.3."
"""Before, stock Airflow never uses a content that was rewritten in place, so there is no time to compare with."""
_WATCH_SECONDS = 150
# Otherwise Airflow would not store a DAG again that it stored a moment ago.
_PROCESSOR = {"AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0"}


class Steps:
    """Prints each step on standard error, with the time so far."""

    def __init__(self) -> None:
        self._started_at = time.monotonic()

    def begin(self, what: str) -> None:
        seconds = time.monotonic() - self._started_at
        print(f"[{seconds:5.1f} s] {what} ...", file=sys.stderr, flush=True)


def main() -> int:
    """Runs the demo; 0 on success."""
    parser = argparse.ArgumentParser(prog="python -m sched_cache_airflow.demo", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every terminal can show the bars
    version = host_version()
    if version is None or not version.startswith(_NEEDED):
        print(f"the demo needs Airflow {_NEEDED}x, found {version or 'none'}", file=sys.stderr)
        return 2
    steps = Steps()
    try:
        with demo_home() as home:
            found = _run(home, steps)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps([asdict(section) for section in found]))
    else:
        title = f"Airflow {version} on SQLite, without and with sched_cache; separate processes, same machine"
        print(f"\n{title}\n\n{table(found)}\n\nMedians of one short run. `make bench` measures with care.")
    return 0


def _run(home: DemoHome, steps: Steps) -> list[Section]:
    steps.begin("creating an empty Airflow database")
    home.run("airflow", "db", "migrate")
    steps.begin(f"storing DAGs of {', '.join(map(str, SIZES))} tasks, as the DAG processor does")
    _process(home, edition=1)
    steps.begin("loading and scheduling them with stock Airflow")
    stock = _measure(home, with_plugin=False)
    steps.begin("loading and scheduling them with the plugin")
    plugin = _measure(home, with_plugin=True)
    return sections(stock, plugin, _watch(home, steps))


def _process(home: DemoHome, edition: int) -> None:
    write_dag_file(home.dags, edition)
    home.run("airflow", "dags", "reserialize", options=_PROCESSOR)


def _measure(home: DemoHome, *, with_plugin: bool) -> Measured:
    lines = home.run("sched_cache_airflow.demo.measure", with_plugin=with_plugin).splitlines()
    measured: Measured = {}
    for found in (json.loads(line) for line in lines if line.startswith("{")):
        measured.setdefault(int(found["n_tasks"]), {}).update(found)
    return measured


def _watch(home: DemoHome, steps: Steps) -> tuple[float, float]:
    """Seconds until a change is used: (by stock Airflow, with the plugin). Both wait for the same change."""
    steps.begin("two schedulers hold a DAG, one with the plugin")
    watchers = [
        home.start("sched_cache_airflow.demo.watch", str(home.database), with_plugin=with_plugin)
        for with_plugin in (False, True)
    ]
    try:
        for watcher in watchers:
            assert watcher.stdout is not None
            if watcher.stdout.readline() != "ready\n":
                raise RuntimeError("a process that was to hold the DAG has ended")
        steps.begin("its file is edited; waiting until both use the new content, Airflow looks every 30 s")
        _process(home, edition=2)
        told = [watcher.communicate(timeout=_WATCH_SECONDS)[0] for watcher in watchers]
        if any(watcher.returncode for watcher in watchers):
            raise RuntimeError("a process never saw the new content")
        stock, plugin = map(float, told)
        return stock, plugin
    finally:
        for watcher in watchers:
            watcher.kill()
            watcher.wait()


if __name__ == "__main__":
    sys.exit(main())
