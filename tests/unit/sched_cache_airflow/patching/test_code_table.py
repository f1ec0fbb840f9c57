"""The table of known code, and what it says of code that is put together from several releases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sched_cache_airflow.patching.code_digest import ABSENT, digest_of
from sched_cache_airflow.patching.code_table import CodeTable, KnownCode, digest_in

RELEASES = ("3.2.0rc1", "3.2.0", "3.2.1", "3.10.0", "3.11.0b1")
UPDATE, READY, RULES = "dagrun:DagRun.update_state", "dagrun:DagRun._ready", "trigger_rule_dep:"
DIGESTS = {
    "3.2.0rc1": {UPDATE: "u0", READY: "r1", RULES: "t1"},
    "3.2.0": {UPDATE: "u1", READY: "r1", RULES: "t1"},
    "3.2.1": {UPDATE: "u1", READY: "r2", RULES: "t1"},
    "3.10.0": {UPDATE: "u2", READY: "r2", RULES: ABSENT},
    "3.11.0b1": {UPDATE: "u1", READY: "r2", RULES: "t1"},
}


@pytest.fixture
def table() -> CodeTable:
    return CodeTable.of(RELEASES, (UPDATE, READY, RULES), DIGESTS)


def test_the_table_knows_which_releases_have_a_digest(table: CodeTable) -> None:
    assert table.releases_with(UPDATE, "u1") == {"3.2.0", "3.2.1", "3.11.0b1"}
    assert table.releases_with(UPDATE, "u9") == frozenset()
    assert table.digest(RULES, "3.10.0") == ABSENT
    assert table.like("3.11.0b1", table.code) == ["3.2.1", "3.11.0b1"]
    assert table.like("3.2.0", [RULES]) == ["3.2.0rc1", "3.2.0", "3.2.1", "3.11.0b1"]


def test_a_file_gives_back_the_table(table: CodeTable, tmp_path: Path) -> None:
    file = tmp_path / "known_code.json"
    table.write(file)
    assert CodeTable.read(file) == table
    written = json.loads(file.read_text())
    assert written["code"][UPDATE]["u1"] == ["3.2.0 to 3.2.1", "3.11.0b1"]


def doubt(table: CodeTable, tested: list[str], update: str, ready: str, rules: str) -> str:
    return KnownCode(table, tested).doubt([(UPDATE, update), (READY, ready), (RULES, rules)])


def test_code_is_known_where_one_tested_release_has_all_of_it(table: CodeTable) -> None:
    tested = ["3.2.0", "3.2.1", "3.10.0"]
    assert doubt(table, tested, "u1", "r1", "t1") == ""
    assert doubt(table, tested, "u1", "r2", "t1") == ""
    assert doubt(table, tested, "u2", "r2", ABSENT) == ""


def test_code_of_an_untested_release_is_unknown(table: CodeTable) -> None:
    assert (
        doubt(table, ["3.2.1"], "u2", "r2", ABSENT)
        == "DagRun.update_state is not the code of a known release"
    )
    assert (
        doubt(table, ["3.2.1"], "u1", "r2", ABSENT) == "trigger_rule_dep is not the code of a known release"
    )
    assert (
        doubt(table, ["3.2.1"], "u9", "r2", "t1") == "DagRun.update_state is not the code of a known release"
    )


def test_an_untested_release_that_has_the_code_of_a_tested_one_is_known(table: CodeTable) -> None:
    digests = DIGESTS["3.11.0b1"]
    assert doubt(table, ["3.2.1"], digests[UPDATE], digests[READY], digests[RULES]) == ""


def test_code_of_two_releases_served_by_that_none_has_together_is_unknown(table: CodeTable) -> None:
    """Each function is known by itself; 3.2.0 and 3.10.0 were tested, a mixture of them was not."""
    found = doubt(table, ["3.2.0", "3.10.0"], "u2", "r1", "t1")
    assert found == "DagRun._ready is that of 3.2.0 beside code of 3.10.0"


def test_the_digest_of_a_function_is_not_changed_by_the_rest_of_its_module() -> None:
    source = "class DagRun:\n    def _ready(self):\n        return 1\n"
    assert digest_in(f"import os\n\n{source}", "DagRun._ready") == digest_in(source, "DagRun._ready")
    assert digest_in(source, "") == digest_of(source)
    assert digest_in(source, "DagRun._other") == ABSENT
    assert digest_in(None, "DagRun._ready") == digest_in(None, "") == ABSENT
