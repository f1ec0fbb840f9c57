"""A release of Airflow that the plugin does not serve: the plugin stays off, says so, and Airflow works as on stock.

Run in an environment with such a release, on SQLite; every command is a process, as an operator starts it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sched_cache_airflow.releases import WORKS_WITHOUT_THE_PLUGIN, host_version, release_of, supported
from tests.hosts.home import AirflowHome
from tests.hosts.subject import PLUGIN, STOCK

VERSION = host_version() or ""
SAID = (
    f"WARNING sched_cache stays off: Airflow {VERSION} is not supported, only {supported()};"
    f" {WORKS_WITHOUT_THE_PLUGIN}"
)

_FILE = """
import pendulum
from airflow.models.dag import DAG
from airflow.operators.empty import EmptyOperator

with DAG("typed", schedule=None, start_date=pendulum.datetime(2026, 1, 1)):
    EmptyOperator(task_id="a")
"""

# Everything of ours in the modules and classes of Airflow, once the parts of a scheduler are imported.
_REPLACED = """
import json, sys, warnings
warnings.simplefilter("ignore")
import airflow.jobs.scheduler_job_runner, airflow.models.dagrun, airflow.models.serialized_dag, airflow.models.dagbag
from airflow import plugins_manager
plugins_manager.ensure_plugins_loaded()

def is_ours(member):
    function = getattr(member, "fget", None) or getattr(member, "__func__", member)
    return str(getattr(function, "__module__", "")).startswith("sched_cache")

found = []
for name, module in list(sys.modules.items()):
    if name.startswith("airflow.") and module is not None:
        for key, value in list(vars(module).items()):
            members = list(vars(value).items()) if isinstance(value, type) else []
            found += [f"{name}:{key}.{inner}" for inner, member in members if is_ours(member)]
            found += [f"{name}:{key}"] if is_ours(value) else []
hosts = [name for name in sys.modules if name.startswith("sched_cache_airflow.hosts.airflow")]
print(json.dumps([sorted(found), sorted(hosts)]))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowHome]:
    """A migrated installation, with one DAG file."""
    database = tmp_path_factory.mktemp("database") / "airflow.db"
    executor = "SequentialExecutor" if VERSION.startswith("2.") else "LocalExecutor"
    made = AirflowHome(f"sqlite:///{database}", options={"AIRFLOW__CORE__EXECUTOR": executor})
    Path(made.dags, "typed.py").write_text(_FILE)
    done = run(made, STOCK.environment(), "-m", "airflow", "db", "migrate")
    assert done.returncode == 0, done.stderr
    yield made
    made.remove()


def run(home: AirflowHome, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **home.environment, **environment, "PYTHONWARNINGS": "ignore"},
        cwd=home.path,
        capture_output=True,
        text=True,
        timeout=900,
    )


def ours_in(text: str) -> list[str]:
    """The lines of an output that are about the plugin."""
    return [line for line in text.splitlines() if "sched_cache" in line]


def test_this_release_is_not_served() -> None:
    """Otherwise the other tests here would prove nothing."""
    assert VERSION and release_of(VERSION) is None


@pytest.mark.parametrize("command", [("dags", "list", "-o", "json"), ("version",), ("plugins", "-o", "json")])
def test_a_command_prints_to_standard_output_what_it_prints_on_stock(
    home: AirflowHome, command: tuple[str, ...]
) -> None:
    """A command that imports nothing that the plugin replaces says nothing of it; any other says one line."""
    stock = run(home, STOCK.environment(), "-m", "airflow", *command)
    done = run(home, PLUGIN.environment(), "-m", "airflow", *command)
    assert (done.returncode, stock.returncode) == (0, 0), done.stderr
    if command[0] == "plugins":
        assert [row["name"] for row in json.loads(done.stdout)] == ["sched_cache"]
    else:
        assert done.stdout == stock.stdout
    assert ours_in(done.stderr) in ([], [SAID])


def test_a_scheduler_works_and_says_in_one_line_why_the_plugin_is_off(home: AirflowHome) -> None:
    """It parses the file or runs its loops as on stock, ends well, and our tables are not created."""
    done = run(home, PLUGIN.environment(), "-m", "airflow", "scheduler", "--num-runs", "2")
    assert done.returncode == 0, done.stderr
    assert ours_in(done.stderr) == [SAID]
    assert ours_in(done.stdout) == []
    database = home.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].removeprefix("sqlite:///")
    with sqlite3.connect(database) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    assert "dag_run" in tables
    assert [name for name in tables if "sched_cache" in name] == []


def test_nothing_of_airflow_is_replaced(home: AirflowHome) -> None:
    """No module for a host is imported either."""
    done = run(home, PLUGIN.environment(), "-c", _REPLACED)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [[], []]
    assert ours_in(done.stderr) == [SAID]


def test_the_doctor_says_that_the_plugin_is_not_in_use_and_what_is(home: AirflowHome) -> None:
    """Exit code 3: nothing is broken."""
    done = run(home, PLUGIN.environment(), "-m", "sched_cache", "doctor", "--json")
    assert done.returncode == 3, done.stderr
    (finding,) = [finding for finding in json.loads(done.stdout) if finding["what"] == "airflow"]
    assert finding["found"] == f"{VERSION}: supported are {supported()}"
    assert WORKS_WITHOUT_THE_PLUGIN in finding["advice"]


def test_the_format_the_command_and_the_simple_classes_work(home: AirflowHome) -> None:
    """With a document that this release writes."""
    written = (
        "import json, sys\n"
        "from airflow.models.dagbag import DagBag\n"
        "from airflow.serialization.serialized_objects import SerializedDAG\n"
        f"dag = DagBag({str(home.dags)!r}, include_examples=False).dags['typed']\n"
        "json.dump(SerializedDAG.to_dict(dag), open('typed.json', 'w'))\n"
    )
    assert (done := run(home, PLUGIN.environment(), "-c", written)).returncode == 0, done.stderr
    encoded = run(home, PLUGIN.environment(), "-m", "sched_cache", "encode", "typed.json")
    assert encoded.returncode == 0, encoded.stderr
    simple = (
        "import json\n"
        "from sched_cache.format import decode_dag, encode_dag\n"
        "from sched_cache_airflow.simple_dag import SimpleDag\n"
        "document = json.load(open('typed.json'))\n"
        "encoded = encode_dag(document)\n"
        "dag = decode_dag(encoded.hot, cold=encoded.cold)\n"
        "assert dag.to_serialized() == document\n"
        "simple = SimpleDag(dag)\n"
        "print(simple.dag_id, *simple.task_ids)\n"
    )
    done = run(home, PLUGIN.environment(), "-c", simple)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["typed", "a"]
