"""The ending of `sched-cache certify`: a file gets the certificate, and is printed without Airflow."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from sched_cache.cli.failure import UsageError
from sched_cache_airflow import certify
from tests.unit.sched_cache_airflow.certificates.test_table import BOUND

_RESULT: dict[str, Any] = {
    "refusals": [],
    "unreachable": [["DagRun.update_state", "raise LookupError", "no DAG is missing"]],
    "bound": asdict(BOUND),
    "seed": 5,
    "n_loops": 500,
    "n_found": 18,
    "n_mutants": 18,
    "n_lines": 1332,
    "n_executed": 1331,
}


def _run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    certify.add_arguments(parser)
    return certify.run(parser.parse_args(words))


def test_a_file_gets_the_certificate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "certificate.json"
    assert certify._report(_RESULT, str(path)) == 0
    capsys.readouterr()
    assert _run("--show", str(path)) == 0
    shown = capsys.readouterr().out
    assert "seed 5: 500 loops, 1331 of 1332 pinned lines executed, 1 not demanded, 18 of 18 mutants" in shown
    assert "not demanded: DagRun.update_state: raise LookupError: no DAG is missing" in shown
    assert "driver: psycopg2" in shown and "burn-in: 0 of 0 shapes" in shown


def test_a_refused_trial_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "certificate.json"
    assert certify._report({**_RESULT, "bound": {}, "refusals": ["a line did not run"]}, str(path)) == 1
    assert not path.exists()


def test_a_scratch_database_is_needed() -> None:
    with pytest.raises(UsageError, match="--scratch-url URL"):
        _run()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        _run("--show", str(tmp_path / "none.json"))


def test_another_driver_than_that_of_the_metadata_database_is_refused() -> None:
    """The certificate would be void in every scheduler."""
    dialect = make_url("postgresql+psycopg2://db/airflow").get_dialect()()
    certify._same_driver("postgresql+psycopg2://db/scratch", dialect)
    for url in ("sqlite:///scratch.db", "mysql+pymysql://db/scratch"):
        with pytest.raises(UsageError, match="the certificate would be void"):
            certify._same_driver(url, dialect)
