"""One Airflow 2.11 installation per session, on SQLite."""

from __future__ import annotations

import os
import warnings

import pytest

from tests.airflow3.support.home import AirflowHome

_EXAMPLE_PLUGIN = """
from airflow.example_dags.plugins.decreasing_priority_weight_strategy import DecreasingPriorityStrategy
from airflow.example_dags.plugins.workday import AfterWorkdayTimetable
from airflow.plugins_manager import AirflowPlugin


class Examples(AirflowPlugin):
    name = "examples"
    priority_weight_strategies = [DecreasingPriorityStrategy]
    timetables = [AfterWorkdayTimetable]
"""


def pytest_configure(config: pytest.Config) -> None:
    """Point Airflow at its temporary home: it reads its environment on import, and test modules import it."""
    home = AirflowHome("sqlite://")
    home.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{home.path}/airflow.db"
    home.environment["AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY"] = "True"  # the other value is deprecated
    # Two of the example DAGs need what an example plugin registers.
    (home.plugins / "examples.py").write_text(_EXAMPLE_PLUGIN)
    os.environ.update(home.environment)
    config.add_cleanup(home.remove)


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """The tables of the metadata database: some examples read it when they are imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the host uses what its libraries deprecate
        from airflow.utils.db import initdb

        initdb()
