"""`sched-cache encode`: JSON in, both parts in one file out."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from sched_cache.format import HotFields, encode_dag
from tests.support.command_line import Run
from tests.support.format.documents import document


def test_output_is_hot_part_then_cold_part(run: Run, nightly_json: Path, nightly: dict[str, Any]) -> None:
    outcome = run("encode", nightly_json)
    encoded = encode_dag(nightly)
    assert (outcome.code, outcome.out) == (0, b"")
    assert nightly_json.with_suffix(".scd").read_bytes() == encoded.hot + encoded.cold
    assert encoded.content_hash in outcome.err


def test_output_can_be_named(run: Run, nightly_json: Path, tmp_path: Path) -> None:
    assert run("encode", nightly_json, "-o", tmp_path / "other").code == 0
    assert (tmp_path / "other").exists()
    assert not nightly_json.with_suffix(".scd").exists()


def test_dashes_stand_for_standard_input_and_output(
    run: Run, nightly: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = io.TextIOWrapper(io.BytesIO(json.dumps(nightly).encode()))
    monkeypatch.setattr("sys.stdin", given)
    outcome = run("encode", "-")
    encoded = encode_dag(nightly)
    assert (outcome.code, outcome.out, outcome.err) == (0, encoded.hot + encoded.cold, "")


def test_hot_fields_can_be_chosen(run: Run, nightly_json: Path, nightly: dict[str, Any]) -> None:
    chosen = HotFields.choose(include=["task.bash_command", "dag.doc_md"], exclude=["task.pool"])
    encoded = encode_dag(nightly, chosen)
    assert encoded.content_hash != encode_dag(nightly).content_hash
    options = [
        "--hot-include",
        "task.bash_command",
        "--hot-include",
        "dag.doc_md",
        "--hot-exclude",
        "task.pool",
    ]
    assert run("encode", nightly_json, *options).code == 0
    assert nightly_json.with_suffix(".scd").read_bytes() == encoded.hot + encoded.cold


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not JSON: Expecting value: line 1 column 1"),
        (b'{"dag": ', "is not JSON: Expecting value: line 1 column 9"),
        (b"\xff\xfe\x00", "is not JSON"),
        (
            b'{"dag": {"dag_id": "d", "tasks": [], "x": %s}}' % (b"9" * 5_000),
            "is not JSON: Exceeds the limit",
        ),
        (b"[" * 100_000, "is nested too deeply"),
        (b"[1]", "DAG None, field document"),
        (json.dumps(document(["a", "a"])).encode(), "DAG 'd', field dag.tasks"),
        (b'{"dag": {"dag_id": "d", "tasks": [], "x": NaN}}', "DAG 'd', field dag.x: nan is not a finite"),
    ],
)
def test_bad_input_is_named_with_its_reason(run: Run, tmp_path: Path, content: bytes, reason: str) -> None:
    """Exit code 1, one line, no output file."""
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    outcome = run("encode", path)
    assert (outcome.code, outcome.out) == (1, b"")
    assert outcome.err.startswith(f"sched-cache encode: {path}: {reason}")
    assert outcome.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [path]


def test_unknown_hot_field_is_a_usage_error(run: Run, nightly_json: Path) -> None:
    outcome = run("encode", nightly_json, "--hot-include", "pool")
    assert outcome.code == 2
    assert "'pool'" in outcome.err
    assert outcome.err.count("\n") == 1


def test_missing_file_is_a_usage_error(run: Run, tmp_path: Path) -> None:
    outcome = run("encode", tmp_path / "none.json")
    assert outcome.code == 2
    assert (
        outcome.err
        == f"sched-cache encode: {tmp_path / 'none.json'}: cannot be read: No such file or directory\n"
    )
