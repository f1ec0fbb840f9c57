from __future__ import annotations

from pathlib import Path

import pytest

from bench.loop.plugin_tables import prepare_tables, refuse_hold
from sched_cache.store.sql import SqlStore
from sched_cache.store.sql.processes import ProcessReport
from sched_cache_airflow.settings.hold import hold
from sched_cache_airflow.sharing.owner import CLAIM


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_claim_of_a_restored_airflow_is_removed(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """And nothing else; a database without tables stays without."""
    url = f"sqlite:///{tmp_path}/c.db" if database == "sqlite" else request.getfixturevalue("postgres_url")
    prepare_tables(url)
    store = SqlStore.open(url)
    for key in (CLAIM, "a process"):
        store.processes.put(ProcessReport(key, {}))
    prepare_tables(url)
    assert store.processes.find(CLAIM) is None
    assert store.processes.find("a process") is not None
    store.close()


def test_a_plugin_that_was_off_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures would be those of the host."""
    refuse_hold()
    monkeypatch.setattr(hold, "reason", "another Airflow uses these tables")
    with pytest.raises(RuntimeError, match="the plugin was off: another Airflow"):
        refuse_hold()
