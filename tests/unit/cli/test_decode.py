"""`sched-cache decode`: what was encoded comes back, and anything else is refused by name."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from sched_cache.format import encode_dag
from sched_cache.format.header import HOT, add_header
from sched_cache.format.messagepack import pack
from tests.support.command_line import Run
from tests.support.format.exact import assert_same


def test_document_comes_back(run: Run, nightly_scd: Path, nightly: dict[str, Any]) -> None:
    outcome = run("decode", nightly_scd)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.count(b"\n") == 1
    assert_same(json.loads(outcome.out), nightly)


def test_output_can_be_named_and_spread_over_lines(
    run: Run, nightly_scd: Path, nightly: dict[str, Any], tmp_path: Path
) -> None:
    outcome = run("decode", nightly_scd, "--indent", "2", "-o", tmp_path / "again.json")
    text = (tmp_path / "again.json").read_text()
    assert (outcome.code, outcome.out) == (0, b"")
    assert text.startswith('{\n  "')
    assert_same(json.loads(text), nightly)


def test_standard_input_is_read(
    run: Run, nightly_scd: Path, nightly: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(nightly_scd.read_bytes())))
    assert_same(json.loads(run("decode", "-").out), nightly)


def test_characters_that_no_terminal_knows_survive(run: Run, tmp_path: Path) -> None:
    """Output is ASCII, so it needs no locale, and half a surrogate pair is JSON, too."""
    path = tmp_path / "odd.json"
    path.write_text('{"dag": {"dag_id": "\\ud800 caf\\u00e9", "tasks": []}}')
    assert run("encode", path).code == 0
    out = run("decode", path.with_suffix(".scd")).out
    assert out.isascii()
    assert json.loads(out)["dag"]["dag_id"] == "\ud800 café"


def _flip_last_byte(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: b"", "is not an encoded DAG"),
        (lambda data: b'{"dag": {}}', "is not an encoded DAG"),
        (lambda data: data[:10], "is truncated: 10 bytes"),
        (lambda data: data[:-1], "this cold part belongs to another content"),
        (_flip_last_byte, "this cold part belongs to another content"),
        (lambda data: data[:4] + b"\x09" + data[5:], "format version is 9, this reader knows 1"),
        (lambda data: data[:40] + b"\xff" + data[41:], "checksum does not match"),
        (lambda data: add_header(HOT, pack([1, 2])), "hot body is not an array of eight"),
    ],
)
def test_damage_is_named_with_its_reason(run: Run, nightly_scd: Path, damage: Any, reason: str) -> None:
    nightly_scd.write_bytes(damage(nightly_scd.read_bytes()))
    outcome = run("decode", nightly_scd)
    assert (outcome.code, outcome.out) == (1, b"")
    assert outcome.err.startswith(f"sched-cache decode: {nightly_scd}: {reason}")
    assert outcome.err.count("\n") == 1


def test_hot_part_alone_is_not_enough(run: Run, tmp_path: Path, nightly: dict[str, Any]) -> None:
    path = tmp_path / "hot.scd"
    path.write_bytes(encode_dag(nightly).hot)
    outcome = run("decode", path)
    assert outcome.code == 1
    assert "holds the hot part alone" in outcome.err
