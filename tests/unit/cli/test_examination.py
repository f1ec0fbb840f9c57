"""The findings that hosts add to `sched-cache doctor`."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from sched_cache import Config, DagCache
from sched_cache.cli.examination import Examination, Finding
from tests.support.command_line import Run

AddHost = Callable[[Callable[[], Examination | None]], None]


@pytest.fixture
def add_host(monkeypatch: pytest.MonkeyPatch) -> AddHost:
    """Offers a host's examination in place of the installed ones."""
    monkeypatch.delenv("SCHED_CACHE__DATABASE_URL", raising=False)
    examinations: list[Callable[[], Examination | None]] = []

    class Entry:
        name = "somebody"

        def __init__(self, examine: Callable[[], Examination | None]) -> None:
            self._examine = examine

        def load(self) -> Callable[[], Examination | None]:
            return self._examine

    known = metadata.entry_points

    def entry_points(**selection: Any) -> Any:
        if selection.get("group") != "sched_cache.doctor":
            return known(**selection)
        return [Entry(examine) for examine in examinations]

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    return examinations.append


def findings(out: bytes) -> dict[str, dict[str, Any]]:
    return {finding["what"]: finding for finding in json.loads(out)}


def test_the_cache_of_a_host_is_examined(run: Run, add_host: AddHost, tmp_path: Path) -> None:
    """Before it what the host says first, after it what is said later."""
    config = Config(database_url=f"sqlite:///{tmp_path / 'host.db'}", redis_url=None)
    with DagCache.open(config) as cache:
        cache.certify()
    later = [Finding("process", True, "serves")]
    add_host(lambda: Examination(config, [Finding("host", True, "1.0")], lambda: later))
    outcome = run("doctor", "--json")
    assert outcome.code == 0
    found = findings(outcome.out)
    assert next(iter(found)) == "host"
    assert list(found)[-1] == "process"
    assert "host.db" in found["database"]["found"]


def test_off_is_neither_well_nor_broken(run: Run, add_host: AddHost) -> None:
    """Exit code 3; and 1 as soon as something is broken besides."""
    off = Finding("host", True, "switched off", "switch it on", is_off=True)
    add_host(lambda: Examination(None, [off]))
    outcome = run("doctor")
    assert outcome.code == 3
    assert b"off  host" in outcome.out
    assert b"-> switch it on" in outcome.out
    add_host(lambda: Examination(None, [Finding("other", False, "broken")]))
    assert run("doctor").code == 1


def test_a_host_that_is_not_there_has_nothing_to_say(
    run: Run, add_host: AddHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library's own cache is examined then; by default it is in the working directory."""
    monkeypatch.chdir(tmp_path)
    add_host(lambda: None)
    outcome = run("doctor", "--json")
    assert "database" in findings(outcome.out)


def test_a_host_whose_code_fails_is_a_finding(run: Run, add_host: AddHost) -> None:
    """Not a traceback."""

    def examine() -> Examination:
        raise ZeroDivisionError("no")

    add_host(examine)
    outcome = run("doctor", "--json")
    assert outcome.code == 1
    assert "ZeroDivisionError: no" in findings(outcome.out)["somebody"]["found"]


def test_who_names_a_database_means_that_one(run: Run, add_host: AddHost, tmp_path: Path) -> None:
    """The host is left out of it."""
    add_host(lambda: Examination(None, [Finding("host", False, "broken")]))
    url = f"sqlite:///{tmp_path / 'own.db'}"
    assert run("init-db", "--database-url", url).code == 0
    outcome = run("doctor", "--json", "--database-url", url)
    assert outcome.code == 0
    assert "host" not in findings(outcome.out)
