"""An operator's own DAGs are only read, and nothing of their content is in the results."""

from __future__ import annotations

import json
import sqlite3
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from bench.cli import main
from bench.replay.documents import VARIABLE, hashed
from bench.replay.reading import ReplayError, _reading, from_database, from_files
from bench.results import read_results
from bench.serialized import generate_document

SECRET = "payroll_of_the_board"


def document(dag_id: str = SECRET, n_tasks: int = 3) -> dict[str, Any]:
    return dict(generate_document("chain", n_tasks, dag_id=dag_id))


@pytest.fixture
def metadata_db(tmp_path: Path) -> str:
    """Airflow 3's table: two versions of one DAG, and a compressed one."""
    path = tmp_path / "airflow.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE serialized_dag (id, dag_id, data, data_compressed, last_updated)")
    rows = [
        ("a", SECRET, json.dumps(document(n_tasks=2)), None, "2026-01-01"),
        ("b", SECRET, json.dumps(document(n_tasks=4)), None, "2026-01-02"),
        ("c", "packed", None, zlib.compress(json.dumps(document("packed")).encode()), "2026-01-01"),
    ]
    connection.executemany("INSERT INTO serialized_dag VALUES (?, ?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return f"sqlite:///{path}"


def test_the_newest_document_of_every_dag_is_read(metadata_db: str) -> None:
    """Whether it lies there as JSON or compressed."""
    found = {one["dag"]["dag_id"]: one for one in from_database(metadata_db)}
    assert found == {SECRET: document(n_tasks=4), "packed": document("packed")}


def test_airflow_2_has_one_row_per_dag(tmp_path: Path) -> None:
    """Its table has no `id`."""
    connection = sqlite3.connect(tmp_path / "airflow.db")
    connection.execute("CREATE TABLE serialized_dag (dag_id, data, data_compressed, last_updated)")
    row = (SECRET, json.dumps(document()), None, "2026-01-01")
    connection.execute("INSERT INTO serialized_dag VALUES (?, ?, ?, ?)", row)
    connection.commit()
    connection.close()
    assert list(from_database(f"sqlite:///{tmp_path}/airflow.db")) == [document()]


def test_the_database_cannot_be_written_to(metadata_db: str) -> None:
    """Not even by a bug of ours."""
    with _reading(metadata_db) as connection, pytest.raises(OperationalError, match="readonly"):
        connection.execute(text("DELETE FROM serialized_dag"))
    assert len(list(from_database(metadata_db))) == 2


def test_an_error_names_no_url() -> None:
    """It could hold a password."""
    with pytest.raises(ReplayError) as refused:
        list(from_database("sqlite:////nonexistent/hunter2/airflow.db"))
    assert "hunter2" not in str(refused.value)


def test_a_database_without_dags_is_refused(tmp_path: Path) -> None:
    """With a reason."""
    sqlite3.connect(tmp_path / "empty.db").close()
    with pytest.raises(ReplayError, match="serialized_dag"):
        list(from_database(f"sqlite:///{tmp_path}/empty.db"))


def test_files_are_read_in_order_and_bad_ones_are_named(tmp_path: Path) -> None:
    """By their name alone."""
    (tmp_path / "b.json").write_text(json.dumps(document("b")))
    (tmp_path / "a.json").write_text(json.dumps(document("a")))
    assert [one["dag"]["dag_id"] for one in from_files(tmp_path)] == ["a", "b"]
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(ReplayError, match=r"c\.json"):
        list(from_files(tmp_path))


@pytest.mark.parametrize("show_names", [False, True])
def test_a_replay_has_hashes_for_names_unless_asked(
    metadata_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, show_names: bool
) -> None:
    """And neither the URL nor anything else of the documents."""
    monkeypatch.setenv(VARIABLE, "")
    output = tmp_path / "replay.jsonl"
    arguments = [
        "run",
        "--from-database",
        metadata_db,
        "--quick",
        "--subject",
        "sched_cache",
        "--rounds",
        "3",
    ]
    arguments += ["--show-names"] if show_names else []
    monkeypatch.setattr("bench.suites.replay._N_LARGEST", 1)
    assert main([*arguments, "--python", sys.executable, "--output", str(output)]) == 0
    written = output.read_text()
    assert (SECRET in written) is show_names
    assert (hashed(SECRET) in written) is not show_names
    assert "airflow.db" not in written and "echo task" not in written
    results = read_results(output)
    assert [parameters["n_tasks"] for parameters in results.cases().values()] == [7, 4]
    for record in results.records:
        assert not record.error
        assert record.figures["not_understood"] == 0 and min(record.samples["read"]) > 0


def test_replay_without_dags_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says which options bring them."""
    monkeypatch.setenv(VARIABLE, "")
    assert main(["run", "replay"]) == 2
    assert "--from-database" in capsys.readouterr().err
