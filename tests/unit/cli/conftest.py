"""One DAG as files, and the command line as a function."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sched_cache.cli import main
from tests.support.command_line import Outcome, Run
from tests.support.format.documents import document, task


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Runs `sched-cache` with these arguments in this process."""

    def run_with(*arguments: object) -> Outcome:
        code = main([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return Outcome(code, out, err.decode())

    return run_with


@pytest.fixture
def nightly() -> dict[str, Any]:
    """Three tasks in a row, with hot and cold fields, and a float that is whole."""
    rows = [
        task("extract", ["load"], pool="small", bash_command="echo 1", retry_delay=300.0),
        task("load", ["notify"], pool="small", bash_command="echo 2", retry_delay=300.0),
        task("notify", pool="default_pool", bash_command="echo 3", retry_delay=300.0),
    ]
    return document(rows, dag_id="nightly", doc_md="# Nightly", catchup=False, start_date=1704067200.0)


@pytest.fixture
def nightly_json(tmp_path: Path, nightly: dict[str, Any]) -> Path:
    path = tmp_path / "nightly.json"
    path.write_text(json.dumps(nightly, indent=1))
    return path


@pytest.fixture
def nightly_scd(nightly_json: Path, run: Run) -> Path:
    assert run("encode", nightly_json).code == 0
    return nightly_json.with_suffix(".scd")
