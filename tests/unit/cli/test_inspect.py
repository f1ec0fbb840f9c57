"""`sched-cache inspect`: sizes that add up, of JSON and of encoded files alike."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

from sched_cache.format import compress, encode_dag
from sched_cache.format.header import HOT, add_header, body_of
from sched_cache.format.messagepack import pack, unpack
from tests.support.command_line import Run
from tests.support.format.documents import document, group


def _report(run: Run, path: Path, *options: str) -> Any:
    outcome = run("inspect", path, "--json", *options)
    assert (outcome.code, outcome.err) == (0, "")
    return json.loads(outcome.out)


def test_summary_names_the_dag_and_counts(run: Run, nightly_json: Path, nightly: dict[str, Any]) -> None:
    report = _report(run, nightly_json)
    assert report["dag_id"] == "nightly"
    assert report["serialized_version"] == 3
    assert report["content_hash"] == encode_dag(nightly).content_hash
    assert (report["n_tasks"], report["n_edges"], report["n_groups"]) == (3, 2, None)


def test_root_is_no_group_of_the_author(run: Run, tmp_path: Path) -> None:
    tree = group(None, {"inner": group("inner", {"a": None})})
    path = tmp_path / "groups.json"
    path.write_text(json.dumps(document(["a"], task_group=tree)))
    assert _report(run, path)["n_groups"] == 1


def test_sizes_are_those_of_the_forms(run: Run, nightly_json: Path, nightly: dict[str, Any]) -> None:
    """JSON counts as one line, however the file was spread."""
    encoded, text = encode_dag(nightly), json.dumps(nightly).encode()
    sizes = _report(run, nightly_json)["sizes"]
    resident = sizes.pop("resident_hot")
    assert sizes == {
        "json": len(text),
        "zlib_json": len(zlib.compress(text)),
        "hot": len(encoded.hot),
        "cold": len(encoded.cold),
        "hot_and_cold": len(encoded.hot) + len(encoded.cold),
        "compressed_hot": len(compress(encoded.hot)),
        "compressed_cold": len(compress(encoded.cold)),
        "compressed_hot_and_cold": len(compress(encoded.hot)) + len(compress(encoded.cold)),
    }
    assert resident > len(encoded.hot)


def test_pieces_add_up_to_the_parts(run: Run, nightly_json: Path) -> None:
    report = _report(run, nightly_json)
    for part in ("hot", "cold"):
        pieces = [piece for piece in report["pieces"] if piece["part"] == part]
        assert all(piece["n_bytes"] >= 0 for piece in pieces)
        assert sum(piece["n_bytes"] for piece in pieces) == report["sizes"][part]


def test_pieces_say_what_is_hot_and_how_it_is_coded(run: Run, nightly_json: Path) -> None:
    pieces = {(piece["kind"], piece["name"]): piece for piece in _report(run, nightly_json)["pieces"]}
    assert pieces["task field", "retry_delay"]["part"] == "hot"
    assert pieces["task field", "retry_delay"]["coding"] == "constant"
    assert pieces["task field", "bash_command"]["part"] == "cold"
    assert pieces["task field", "bash_command"]["coding"] == "plain"
    assert pieces["task field", "pool"]["n_values"] == 2
    assert pieces["dag field", "doc_md"]["part"] == "cold"
    assert pieces["dag field", "doc_md"]["n_values"] is None


def test_json_and_encoded_file_give_the_same_report(run: Run, nightly_json: Path, nightly_scd: Path) -> None:
    """But for zlib, which sees the order of keys."""
    of_json, of_encoded = _report(run, nightly_json), _report(run, nightly_scd)
    for report in (of_json, of_encoded):
        del report["sizes"]["zlib_json"]
    assert of_json == of_encoded


def test_hot_fields_can_be_tried_out(run: Run, nightly_json: Path) -> None:
    pieces = _report(run, nightly_json, "--hot-include", "dag.doc_md")["pieces"]
    assert [piece["part"] for piece in pieces if piece["name"] == "doc_md"] == ["hot"]


def test_hot_fields_of_an_encoded_dag_are_settled(run: Run, nightly_scd: Path) -> None:
    outcome = run("inspect", nightly_scd, "--hot-include", "dag.doc_md")
    assert outcome.code == 2
    assert "is encoded already" in outcome.err


def test_hot_part_alone_is_shown_as_far_as_it_goes(run: Run, tmp_path: Path, nightly: dict[str, Any]) -> None:
    path = tmp_path / "hot.scd"
    path.write_bytes(encode_dag(nightly).hot)
    report = _report(run, path)
    assert set(report["sizes"]) == {"hot", "compressed_hot", "resident_hot"}
    assert {piece["part"] for piece in report["pieces"]} == {"hot"}
    assert run("inspect", path).code == 0


def test_tables_are_for_people(run: Run, nightly_json: Path) -> None:
    outcome = run("inspect", nightly_json)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.decode().splitlines()
    assert lines[0] == "nightly: 3 tasks, 2 edges, document version 3"
    assert lines[3].split() == ["form", "bytes", "per", "task", "%", "of", "JSON", "%", "of", "zlib", "JSON"]
    assert any(line.startswith("cold  task field") and " bash_command " in line for line in lines)
    assert all(line == line.rstrip() for line in lines)


def test_dag_without_tasks_is_shown(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "empty.json"
    path.write_text(json.dumps(document([])))
    assert run("inspect", path).out.startswith(b"d: 0 tasks, 0 edges")


def test_names_cannot_command_the_terminal(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "evil.json"
    path.write_text(json.dumps(document(["a"], **{"dag_id": "\x1b[2J\ud800", "\x1b]0;x\x07": 1})))
    out = run("inspect", path).out
    assert b"\x1b" not in out
    assert b"\\x1b[2J\\ud800" in out


def test_sections_that_are_none_are_named(run: Run, tmp_path: Path, nightly: dict[str, Any]) -> None:
    """A part may have its checksum right and its content wrong."""
    body = unpack(body_of(encode_dag(nightly).hot, HOT), "hot")
    fields = unpack(body[4], "fields")
    for name in ("derived", "outer"):
        body[4] = pack({**fields, name: [1]})
        path = tmp_path / "wrong.scd"
        path.write_bytes(add_header(HOT, pack(body)))
        outcome = run("inspect", path)
        assert (outcome.code, outcome.out) == (1, b"")
        assert outcome.err.startswith(f"sched-cache inspect: {path}: ")
        assert outcome.err.count("\n") == 1
