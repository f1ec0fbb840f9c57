"""`sched-cache airflow-trigger` connects to Airflow's database in the way in which Airflow does."""

from __future__ import annotations

import argparse

import pytest
from sqlalchemy.engine import make_url

from tests.hosts.metadata_db import MetadataDb
from tests.hosts.subject import PLUGIN, Subject

pytestmark = pytest.mark.parametrize("subject", [PLUGIN], ids=["plugin"], indirect=True)


def test_the_engine_of_airflow_opens_the_connection(
    subject: Subject,
    airflow_db: MetadataDb,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The arguments and events of that engine have the settings of a site; here the URL alone does not suffice."""
    if airflow_db.name == "sqlite":
        pytest.skip("the plugin's tables are in a file of their own, which no trigger can write to")
    from airflow import settings

    from sched_cache_airflow.settings.host_settings import forget_settings
    from sched_cache_airflow.triggers import command

    wrong = make_url(str(settings.SQL_ALCHEMY_CONN)).set(port=9).render_as_string(hide_password=False)
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", wrong)
    forget_settings()
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert command.run(parser.parse_args(["install"])) == 0
    assert "installed sched_cache_written" in capsys.readouterr().out
    assert command.run(parser.parse_args(["remove", "--database-url", wrong])) == 0
    assert "removed sched_cache_written" in capsys.readouterr().out
