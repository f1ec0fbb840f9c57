"""The files that `pip install sched-cache` installs, and their use without the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path, PurePosixPath

from tests.packaging.conftest import Installation

_DOCUMENT = {
    "__version": 3,
    "dag": {
        "dag_id": "sales",
        "fileloc": "/dags/sales.py",
        "timezone": "UTC",
        "tasks": [
            {
                "__type": "operator",
                "__var": {"task_id": "extract", "downstream_task_ids": ["load"], "retries": 2},
            },
            {"__type": "operator", "__var": {"task_id": "load", "doc_md": "L\u00e4dt."}},
        ],
    },
}
_ROUND_TRIP = f"""
import json
from sched_cache.format import decode_dag, encode_dag
document = json.loads({json.dumps(_DOCUMENT)!r})
encoded = encode_dag(document)
dag = decode_dag(encoded.hot, cold=encoded.cold)
assert dag.to_serialized() == document
print(dag.dag_id, dag.n_tasks, dag.task("extract").retries)
"""
_PAGES = """
import sched_cache_airflow
from sched_cache_airflow.reporting.page.dag_view import DagFacts, VersionFacts, dag_page
from sched_cache_airflow.reporting.page.overview import Overview, overview_page
from sched_cache_airflow.reporting.page.rendering import render
from sched_cache_bench.report.rendering import render as render_report

dag = DagFacts("sales", [VersionFacts(1, "a", 1.0, ["scheduler"])], 1)
overview = Overview([({"component": "scheduler", "is_on": True}, 1.0)])
for document in (
    dag_page(dag, nonce="n"),
    overview_page(overview, nonce="n"),
    render("notice.html", nonce="n", text="no"),
):
    assert "scheduler" in document.lower()
    assert "--ground:" in document
    assert document.rstrip().endswith("</html>")
report = render_report("page.html", head={"facts": [], "contents": [], "subjects": []}, sections=[])
assert ".figures li" in report and report.rstrip().endswith("</html>")
print(sched_cache_airflow.__file__)
"""


def test_only_our_names_land_in_site_packages(installation: Installation) -> None:
    """No generic name: not `adapters`, not `bench`, not `tests`, not `tools`."""
    with zipfile.ZipFile(installation.wheel) as wheel:
        top_level = {PurePosixPath(name).parts[0] for name in wheel.namelist()}
    ours = {name for name in top_level if not name.endswith(".dist-info")}
    assert ours - {"sched_cache_bench"} == {"sched_cache", "sched_cache_airflow"}


def test_types_are_published(installation: Installation) -> None:
    """Both packages carry the marker that makes type checkers read their annotations."""
    with zipfile.ZipFile(installation.wheel) as wheel:
        names = wheel.namelist()
    assert "sched_cache/py.typed" in names
    assert "sched_cache_airflow/py.typed" in names


def test_the_page_is_made_from_the_wheel_alone(installation: Installation, tmp_path: Path) -> None:
    """Its templates and styles are in there. Jinja2 comes with the host; here it is the one of this environment."""
    with zipfile.ZipFile(installation.wheel) as wheel:
        wheel.extractall(tmp_path)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{_PAGES}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path))


def test_metadata_names_license_and_every_extra(installation: Installation) -> None:
    """An operator finds the license text and the extras that the README names."""
    with zipfile.ZipFile(installation.wheel) as wheel:
        (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        fields = message_from_string(wheel.read(metadata).decode())
        assert any(name.endswith("/LICENSE") for name in wheel.namelist())
    assert fields["Requires-Python"] == ">=3.10"
    assert {"airflow3", "airflow2", "redis-fast", "prometheus", "statsd", "otel", "watch"} <= set(
        fields.get_all("Provides-Extra", [])
    )


def test_the_installed_package_is_imported(installation: Installation) -> None:
    """The other tests here run the wheel, not the checkout."""
    for package in ("sched_cache", "sched_cache_airflow"):
        path = installation.python_says(f"import {package}; print({package}.__file__)")
        assert path.startswith(str(installation.python.parent.parent))


def test_a_dag_survives_encode_and_decode(installation: Installation) -> None:
    """The format works with nothing but the declared dependencies."""
    assert installation.python_says(_ROUND_TRIP) == "sales 2 2"


def test_the_command_explains_itself(installation: Installation) -> None:
    """`sched-cache --help` works from any folder."""
    done = installation.run("sched-cache", "--help")
    assert done.returncode == 0, done.stderr
    assert "encode" in done.stdout
    assert "airflow-trigger" in done.stdout


def test_the_harness_is_there(installation: Installation) -> None:
    """`sched-cache bench` measures what can be measured where it is installed, and says what cannot."""
    done = installation.run("sched-cache", "bench", "list")
    assert done.returncode == 0, done.stderr
    assert "case    shape=layers n_tasks=1000" in done.stdout
    assert "cannot run here" in done.stdout


def test_the_harness_measures_where_it_is_installed(installation: Installation, tmp_path: Path) -> None:
    """Without Airflow there is no reference, which it says, and a table; without matplotlib there are no charts."""
    results = tmp_path / "format.jsonl"
    one_case = ("--quick", "--case", "n_tasks=100", "--rounds", "1", "--output", str(results))
    done = installation.run("sched-cache", "bench", "format", *one_case)
    assert done.returncode == 0, done.stderr
    assert "leaving out airflow" in done.stderr
    table = installation.run("sched-cache", "bench", "report", "--markdown", str(results))
    assert table.returncode == 0, table.stderr
    assert "| DAG to bytes | " in table.stdout
    report = installation.run("sched-cache", "bench", "report", str(results))
    assert report.returncode == 2
    assert "pip install 'sched-cache[bench]'" in report.stderr


def test_dependencies_agree(installation: Installation) -> None:
    """pip finds no conflict among what it installed."""
    done = installation.run("python", "-m", "pip", "--disable-pip-version-check", "check")
    assert done.returncode == 0, done.stdout
