"""The loop suite drives the real scheduler of the installed Airflow."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("airflow.sdk")

from bench.cli import main
from bench.results import read_results
from bench.suites.loop import SUITE


def test_a_round_measures_every_kind_of_loop(tmp_path: Path) -> None:
    """Parts add up to the whole, and loops that write send more queries than idle ones."""
    output = tmp_path / "loop.jsonl"
    arguments = ["loop", "--quick", "--case", "n_tasks=100", "--subject", "airflow", "--rounds", "3"]
    assert main([*arguments, "--python", sys.executable, "--output", str(output)]) == 0
    (record,) = read_results(output).records
    samples = record.samples
    for metric in SUITE.metrics:
        assert len(samples[metric.name]) == 3, metric.name
    for loop in ("create", "steady", "busy", "last"):
        for number, whole in enumerate(samples[f"{loop}_seconds"]):
            (parts,) = (metric.includes for metric in SUITE.metrics if metric.name == f"{loop}_seconds")
            assert sum(samples[part][number] for part in parts) == pytest.approx(whole)
    assert min(samples["steady_dependencies"]) > 0
    assert max(samples["steady_schedule_tis"]) < min(samples["busy_schedule_tis"])
    assert max(samples["steady_queries"]) < min(samples["busy_queries"]) < min(samples["create_queries"])
