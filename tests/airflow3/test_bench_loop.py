"""The suites drive the real scheduler of the installed Airflow, stock and with the plugin."""

from __future__ import annotations

import contextlib
import importlib
import signal
import sys
from pathlib import Path
from statistics import median

import pytest

pytest.importorskip("airflow.sdk")

from bench.cli import main
from bench.loop.phases import TARGETS
from bench.results import Record, read_results
from bench.suites.loop import SUITE
from tests.unit.bench.family import Family

HOST_SUITES = ("churn", "latency", "loop", "memory", "nodes", "restart")
DAG_PROCESSOR = "airflow dag-processor"
Records = dict[str, dict[str, Record]]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Records:
    """Suite -> subject -> the record of its smallest case, all from one short run."""
    folder = tmp_path_factory.mktemp("bench")
    arguments = ["run", *HOST_SUITES, "--quick", "--rounds", "2", "--python", sys.executable]
    with contextlib.chdir(folder):
        assert main(arguments) == 0
    found: Records = {}
    for path in folder.glob("*/*.jsonl"):
        results = read_results(path)
        smallest = next(iter(results.cases()))
        found[results.run.suite] = {r.subject: r for r in results.records if r.case == smallest}
    return found


def test_a_round_measures_every_kind_of_loop(records: Records) -> None:
    """Parts add up to the whole, and loops that write send more queries than idle ones."""
    by_subject = records["loop"]
    samples = by_subject["airflow"].samples
    for metric in SUITE.metrics:
        is_in_parts = metric.name.startswith(("steady_", "busy_")) and metric.name != "busy_scheduled"
        assert len(samples[metric.name]) == (4 if is_in_parts else 2), metric.name
    for loop in ("create", "steady", "busy", "last"):
        for number, whole in enumerate(samples[f"{loop}_seconds"]):
            (parts,) = (metric.includes for metric in SUITE.metrics if metric.name == f"{loop}_seconds")
            assert sum(samples[part][number] for part in parts) == pytest.approx(whole)
    assert min(samples["steady_dependencies"]) > 0
    assert median(samples["steady_schedule_tis"]) < median(samples["busy_schedule_tis"])
    assert max(samples["steady_queries"]) < min(samples["busy_queries"]) < min(samples["create_queries"])
    for subject, record in by_subject.items():
        # What can start is the host's decision, whoever makes it.
        assert set(record.samples["busy_scheduled"]) == set(samples["busy_scheduled"]), subject


def test_a_restarted_scheduler_loads_what_another_left_behind(records: Records) -> None:
    """Nothing is encoded a second time."""
    for record in records["restart"].values():
        assert record.figures.get("documents_encoded", 0) == 0
        assert min(record.samples["first_loop"]) > 0


def test_edits_reach_the_loop_that_follows(records: Records) -> None:
    """New versions do on stock, too."""
    for subject, record in records["churn"].items():
        assert set(record.samples["old_percent"]) == {0.0}, subject


def test_nodes_count_what_they_examine(records: Records) -> None:
    """And what that costs the servers."""
    for record in records["nodes"].values():
        assert min(record.samples["runs_per_second"]) > 0
        assert min(record.samples["queries_per_run"]) > 0


def test_a_process_grows_by_what_it_holds(records: Records) -> None:
    """By more on stock than with compact DAGs."""
    compact, stock = (records["memory"][name].samples["load_bytes"][0] for name in ("sched_cache", "airflow"))
    assert 0 < compact < stock


def test_latency_follows_a_file_to_its_task(records: Records) -> None:
    """The parts add up to the whole."""
    names = ("saved_to_stored", "stored_to_used", "used_to_queued")
    for record in records["latency"].values():
        for number, whole in enumerate(record.samples["saved_to_queued"]):
            parts = [record.samples[name][number] for name in names]
            assert min(parts) >= 0
            assert sum(parts) == pytest.approx(whole, abs=0.2)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="tells families by /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_the_dag_processor_ends_with_the_run(number: signal.Signals, tmp_path: Path) -> None:
    """So do the worker, the parsers and Redis, in the middle of a round and whatever the run dies of."""
    command = ["-m", "bench", "run", "latency", "--quick", "--subject", "airflow", "--python", sys.executable]
    output = tmp_path / "latency.jsonl"
    with (tmp_path / "log").open("w") as log:
        family = Family([sys.executable, *command, "--output", str(output)], stdout=log, stderr=log)
        try:
            family.wait_until(lambda members: any(DAG_PROCESSOR in m for m in members.values()), 90)
        finally:
            family.head.send_signal(number)
            family.head.wait()
    family.wait_until(lambda members: not members, 20)


def test_the_phases_name_functions_that_exist() -> None:
    """A part whose function was renamed would silently become a part of another."""
    for paths in TARGETS.values():
        for path in (path for path in paths if path.startswith("sched_cache_airflow.")):
            module, _, names = path.partition(":")
            class_name, _, function = names.partition(".")
            assert function in vars(getattr(importlib.import_module(module), class_name)), path
