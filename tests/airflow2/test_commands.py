"""Commands of Airflow 2.11 that write DAGs, and the doctor, as an operator types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.utils.session import create_session
from sqlalchemy import select

from sched_cache_airflow.hosts.installed import runtime
from sched_cache_airflow.sharing.written_table import written_dag_table
from tests.airflow2.support.subject import plugin
from tests.hosts.home import AirflowHome
from tests.hosts.metadata_db import MetadataDb
from tests.hosts.subject import PLUGIN
from tests.support.odd_hosts import BEGINNINGS, OFF, WRONG_OPTIONS, of_another_release

_FILE = """
from airflow.models.dag import DAG
from airflow.operators.empty import EmptyOperator

with DAG("typed", schedule=None):
    EmptyOperator(task_id="a")
"""


@pytest.fixture
def environment(
    airflow_db: MetadataDb, airflow_home: AirflowHome, quiet_host: None
) -> Iterator[dict[str, str]]:
    """That of a command, with one DAG file; our tables are there."""
    with plugin(publish_contents="True"):
        runtime().maintenance.round(is_woken=False)
    path = Path(airflow_home.dags, "typed.py")
    path.write_text(_FILE)
    yield {**os.environ, **airflow_home.environment, **PLUGIN.environment(), "PYTHONWARNINGS": "ignore"}
    path.unlink()


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env=environment,
        cwd=environment["AIRFLOW_HOME"],
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_reserializing_is_noticed(environment: dict[str, str]) -> None:
    """The command never loads plugins. It writes at once, or leaves what it could not to a scheduler."""
    done = run(environment, "airflow", "dags", "reserialize")
    assert done.returncode == 0, done.stderr
    with plugin(publish_contents="True"):
        table = written_dag_table(runtime().settings.config)
        with create_session() as session:
            left = set(session.scalars(select(table.c.dag_id)))
        published = set(runtime().cache.keys())
    assert left == {"typed"} or published == {"dag:typed"}


def test_the_doctor_knows_the_host(environment: dict[str, str]) -> None:
    """Release, entry points and options; nothing runs, so nothing is in use."""
    done = run(environment, "sched_cache", "doctor", "--json")
    assert done.stdout, done.stderr
    findings = {finding["what"]: finding for finding in json.loads(done.stdout)}
    assert findings["airflow"]["found"].endswith("supported")
    for group in ("airflow.policy", "airflow.plugins"):
        assert findings[group]["is_well"]
    assert findings["option enabled"]["found"].startswith("True")


@pytest.mark.parametrize("why", [*WRONG_OPTIONS, "another release"])
def test_where_the_plugin_or_a_part_stays_off_commands_print_what_they_did(
    environment: dict[str, str], why: str, tmp_path: Path
) -> None:
    """Its one line is on standard error."""
    odd = {**environment, **WRONG_OPTIONS.get(why, {})}
    if why == "another release":
        odd = of_another_release(tmp_path, environment)
    done = run(odd, "airflow", "dags", "list", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert [row["dag_id"] for row in json.loads(done.stdout)] == ["typed"]
    assert [line.partition(":")[0] for line in done.stderr.splitlines() if "sched_cache" in line] == [
        BEGINNINGS.get(why, OFF)
    ]
