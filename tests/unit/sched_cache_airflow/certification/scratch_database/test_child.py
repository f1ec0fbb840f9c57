"""The process of a trial: its environment, its words, and its early end."""

from __future__ import annotations

from typing import Any

import pytest

from sched_cache_airflow.certification.scratch_database.child import ChildError, environment, run

_URL = "postgresql://scratch/scratch"


def test_no_variable_names_the_metadata_database(monkeypatch: pytest.MonkeyPatch) -> None:
    for suffix in ("", "_CMD", "_SECRET", "_ASYNC", "_ASYNC_CMD"):
        monkeypatch.setenv(f"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN{suffix}", "of the metadata database")
    monkeypatch.setenv("AIRFLOW__SCHED_CACHE__DATABASE_URL", "of the metadata database")
    given = environment(_URL)
    assert "of the metadata database" not in given.values()
    assert given["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == given["AIRFLOW__SCHED_CACHE__DATABASE_URL"] == _URL


def test_the_plugin_there_shares_nothing_and_is_not_in_charge_yet() -> None:
    given = environment(_URL)
    assert given["AIRFLOW__SCHED_CACHE__REDIS_URL"] == "none"
    assert (
        given["AIRFLOW__SCHED_CACHE__PUBLISH_CONTENTS"] == given["AIRFLOW__SCHED_CACHE__ENABLED"] == "False"
    )


def test_what_a_host_prints_is_not_taken_for_a_result() -> None:
    program = (
        "import json, sys\n"
        "from sched_cache_airflow.certification.scratch_database.child import spoken\n"
        "given = json.load(sys.stdin)\n"
        "with spoken() as say:\n"
        "    print('a line of the host')\n"
        "    say({'twice': given['number'] * 2})\n"
    )
    heard: list[Any] = []
    run(("-c", program), _URL, {"number": 21}, heard.append)
    assert heard == [{"twice": 42}]


def test_an_early_end_is_an_error_with_the_last_lines() -> None:
    with pytest.raises(ChildError, match=r"ended with 1: .*ValueError: broken"):
        run(("-c", "raise ValueError('broken')"), _URL, {}, print)
