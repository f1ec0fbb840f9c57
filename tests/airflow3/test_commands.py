"""Commands of Airflow 3 print what they print without the plugin, where that stays off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hosts.home import AirflowHome
from tests.hosts.metadata_db import MetadataDb
from tests.hosts.subject import PLUGIN
from tests.support.odd_hosts import BEGINNINGS, OFF, WRONG_OPTIONS, of_another_release


@pytest.mark.parametrize("why", [*WRONG_OPTIONS, "another release"])
def test_where_the_plugin_or_a_part_stays_off_commands_print_what_they_did(
    airflow_db: MetadataDb, airflow_home: AirflowHome, why: str, tmp_path: Path
) -> None:
    """Its one line is on standard error."""
    environment = {
        **os.environ,
        **airflow_home.environment,
        **PLUGIN.environment(),
        "PYTHONWARNINGS": "ignore",
    }
    odd = {**environment, **WRONG_OPTIONS.get(why, {})}
    if why == "another release":
        odd = of_another_release(tmp_path, environment)
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "dags", "list", "-o", "json"],
        env=odd,
        cwd=airflow_home.path,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
    assert [line.partition(":")[0] for line in done.stderr.splitlines() if "sched_cache" in line] == [
        BEGINNINGS.get(why, OFF)
    ]


@pytest.mark.parametrize("migrated", [True, False])
def test_before_the_first_start_nothing_is_broken(
    airflow_db: MetadataDb, airflow_home: AirflowHome, migrated: bool, tmp_path: Path
) -> None:
    """Not in use is what `doctor` says, by its exit code too; it tries the installation, and creates nothing."""
    environment = {
        **os.environ,
        **airflow_home.environment,
        **PLUGIN.environment(),
        "PYTHONWARNINGS": "ignore",
    }
    if not migrated:
        environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{tmp_path / 'empty.db'}"
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "sched_cache", "doctor", "--json"],
            env=environment,
            cwd=airflow_home.path,
            capture_output=True,
            text=True,
            timeout=900,
        )
        findings = {finding["what"]: finding for finding in json.loads(done.stdout)}
        assert [finding for finding in findings.values() if not finding["is_well"]] == []
        assert "no tables yet" in findings["database"]["found"]
        assert "parts of Airflow replaced" in findings["installation"]["found"]
        assert findings["decisions"]["found"] == "decisions by the code of a tested release"
        assert ("metadata database" in findings) == (not migrated)
        assert done.returncode == 3
