"""The demands of a certificate on a host: each mutant is found, and the command keeps its promises."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import create_engine, inspect

from sched_cache_airflow import certify
from sched_cache_airflow.certification.comparison import Comparison
from sched_cache_airflow.certification.mutants import MUTANTS, Mutant
from sched_cache_airflow.certification.scratch import ScratchError
from sched_cache_airflow.certification.trial import CASES_OF_A_MUTANT
from tests.hosts.metadata_db import MetadataDb, PostgresMetadataDb


def _arguments(url: str, *, minutes: float = 0.0, resume: bool = False) -> argparse.Namespace:
    return argparse.Namespace(scratch_url=url, minutes=minutes, seed=1, resume=resume, output=None, show=None)


def _tables(url: str) -> list[str]:
    engine = create_engine(url)
    try:
        return inspect(engine).get_table_names()
    finally:
        engine.dispose()


class CertificationContract:
    """A subclass gives the fixture `on_trial`: the plugin and stock, with the host's code taken for known."""

    @pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
    def test_a_mutant_of_the_host_is_found(
        self, on_trial: Callable[[], AbstractContextManager[Comparison]], mutant: Mutant
    ) -> None:
        """In as many cases as a trial gives it."""
        with mutant.planted(), on_trial() as comparison:
            seeds = range(600_000, 600_000 + CASES_OF_A_MUTANT)
            assert any(comparison.compare_case(seed).difference for seed in seeds)

    def test_without_time_the_command_refuses_and_leaves_nothing_behind(
        self, airflow_db: MetadataDb, capsys: pytest.CaptureFixture[str]
    ) -> None:
        if not isinstance(airflow_db, PostgresMetadataDb):
            pytest.skip("creates a database on the server")
        airflow_db.server.execute("DROP DATABASE IF EXISTS scratch")
        airflow_db.server.execute("CREATE DATABASE scratch")
        url = airflow_db.server.url("scratch")
        before = _tables(airflow_db.url)
        assert certify.run(_arguments(url)) == 1
        assert f"refused: no time was left to find the mutant {MUTANTS[0].name!r}" in capsys.readouterr().out
        assert _tables(url) == []
        assert _tables(airflow_db.url) == before

    def test_the_metadata_database_is_refused(self, airflow_db: MetadataDb) -> None:
        before = _tables(airflow_db.url)
        with pytest.raises(ScratchError, match="is the metadata database"):
            certify.run(_arguments(airflow_db.url))
        assert _tables(airflow_db.url) == before
