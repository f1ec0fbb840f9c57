"""The demands of a certificate on a host: each mutant is found, and the command keeps its promises."""

from __future__ import annotations

import argparse
import os
import re
from contextlib import AbstractContextManager
from typing import ClassVar, Final, Protocol

import pytest
from sqlalchemy import create_engine, inspect, text

from sched_cache.clock import SystemClock
from sched_cache_airflow import certify
from sched_cache_airflow.certification.comparison import Comparison, Watch
from sched_cache_airflow.certification.mutants import MUTANTS, Mutant
from sched_cache_airflow.certification.pinned_lines import PinnedLines, lines_of_host
from sched_cache_airflow.certification.scratch_database.scratch import ScratchError
from sched_cache_airflow.certification.strata import STRATA, rare
from sched_cache_airflow.certification.trial import CASES_OF_A_MUTANT, Progress, Subject, Trial
from sched_cache_airflow.hosts.installed import host_process, runtime
from tests.hosts.metadata_db import MetadataDb, PostgresMetadataDb
from tests.hosts.subject import ON

IS_WHOLE = "SCHED_CACHE_CERTIFY_SEEDS" in os.environ
"""Whether the whole command runs, and each mutant is searched for with as many seeds: `make certify`."""
SEEDS = range(600_000, 600_000 + 1000 * int(os.environ.get("SCHED_CACHE_CERTIFY_SEEDS", "1")), 1000)
_RULE: Final = "airflow.ti_deps.deps.trigger_rule_dep:TriggerRuleDep._evaluate_trigger_rule"
RARE_LINES: Final = (
    (_RULE, "yield op.task_id"),
    (_RULE, "or 0"),
    (_RULE, "expected = len(in_scope_tasks)"),
    (_RULE, "if ti.map_index >= success: | new_state = TaskInstanceState.REMOVED"),
    (_RULE, "elif skipped == upstream: | new_state = TaskInstanceState.SKIPPED"),
    (_RULE, "success == 0: | new_state = TaskInstanceState.UPSTREAM_FAILED"),
    (_RULE, "num_success -= removed"),
    (_RULE, "skipped_setup >= upstream_setup: | new_state = TaskInstanceState.SKIPPED"),
    (_RULE, "success_setup == 0: | new_state = TaskInstanceState.UPSTREAM_FAILED"),
    ("airflow.models.dagrun:DagRun._revise_map_indexes_if_mapped", "except NotFullyPopulated:"),
    ("airflow.models.taskmap:TaskMap.expand_mapped_task", "unmapped_ti.state = TaskInstanceState.SKIPPED"),
)
"""The function and the end of the text of lines into which corners lead."""
SOME_MUTANTS = MUTANTS if IS_WHOLE else [MUTANTS[0], *MUTANTS[-6:-3]]


def _arguments(url: str, *, minutes: float = 0.0, seed: int = 1, resume: bool = False) -> argparse.Namespace:
    return argparse.Namespace(
        scratch_url=url, minutes=minutes, seed=seed, resume=resume, output=None, show=None
    )


def _tables(url: str) -> list[str]:
    engine = create_engine(url)
    try:
        return inspect(engine).get_table_names()
    finally:
        engine.dispose()


def _types(url: str) -> list[str]:
    """The enumerated types of a PostgreSQL database."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return list(connection.scalars(text("SELECT typname FROM pg_type WHERE typtype = 'e'")))
    finally:
        engine.dispose()


def trial_without_mutants(progress: Progress) -> Trial:
    """A trial of the installed host that demands no mutants and no lines."""
    process = host_process()
    subject = Subject(
        process,
        process.host.loops,
        trusted=lambda: runtime().fast_path.host_code.on_trial(),
        n_decided=lambda: int(runtime().fast_path.n_decided),
    )
    return Trial(
        subject,
        PinnedLines({}, ()),
        (),
        progress,
        clock=SystemClock(),
        seconds=300,
        note=lambda text, done: None,
    )


class OnTrial(Protocol):
    """Makes the block of a comparison with the host's code taken for known. watch: as in `compared`."""

    def __call__(self, watch: Watch = ...) -> AbstractContextManager[Comparison]: ...


class CertificationContract:
    """A subclass gives the fixture `on_trial`: the plugin and stock."""

    rare_lines: ClassVar = RARE_LINES

    def test_the_corners_lead_into_their_lines(self, on_trial: OnTrial) -> None:
        """In one loop of stock: without them a trial may search for these lines until its time is over."""
        lines = lines_of_host(host_process().host.releases.pinned.deciding)
        wanted = [
            line
            for line in lines.all()
            for function, ending in self.rare_lines
            if line.function == function and line.text.endswith(ending)
        ]
        assert len(wanted) > len(self.rare_lines) / 2  # a release need not have each
        with on_trial(lines.watched) as comparison:
            compared = comparison.compare_case(STRATA.index(rare), n_loops=1)
        assert not compared.difference
        missed = [line for line in lines.missing() if line in wanted]
        assert missed == [], missed

    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("mutant", SOME_MUTANTS, ids=lambda mutant: mutant.name)
    def test_a_mutant_of_the_host_is_found(self, on_trial: OnTrial, mutant: Mutant, seed: int) -> None:
        """In as many cases as a trial gives it."""
        first = seed - seed % len(STRATA)
        with mutant.planted(), on_trial() as comparison:
            for n_cases in range(1, CASES_OF_A_MUTANT + 1):
                if comparison.compare_case(first + n_cases - 1).difference:
                    print(f"{mutant.name}, seed {first}: {n_cases} cases")
                    return
        pytest.fail(f"not found in {CASES_OF_A_MUTANT} cases")

    def test_a_plugin_that_decides_otherwise_is_refused(
        self, on_trial: OnTrial, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The reason has the seed, the run and the task. It is the host that was changed here."""
        for name, value in ON.items():
            monkeypatch.setenv(name, value)
        with MUTANTS[0].planted():
            (reason,) = trial_without_mutants(Progress(seed=0)).refusals()
        assert re.match(
            r"the plugin decided otherwise than the host: seed 0, loop 0: task_instance: \['dag_0_0', '\w+', 'below",
            reason,
        )

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
        assert _tables(url) == [] and _types(url) == []
        assert _tables(airflow_db.url) == before

    @pytest.mark.skipif(not IS_WHOLE, reason="SCHED_CACHE_CERTIFY_SEEDS is not set: takes minutes")
    @pytest.mark.parametrize("seed", SEEDS[:5])
    def test_the_whole_command_passes(
        self, airflow_db: MetadataDb, capsys: pytest.CaptureFixture[str], seed: int
    ) -> None:
        """Every mutant is found, every line that a loop reaches ran, and nothing differed."""
        if not isinstance(airflow_db, PostgresMetadataDb):
            pytest.skip("creates a database on the server")
        airflow_db.server.execute("DROP DATABASE IF EXISTS scratch")
        airflow_db.server.execute("CREATE DATABASE scratch")
        arguments = _arguments(airflow_db.server.url("scratch"), minutes=60, seed=seed)
        is_passed = certify.run(arguments) == 0
        report = capsys.readouterr().out
        print(report)
        assert is_passed, report

    def test_the_metadata_database_is_refused(self, airflow_db: MetadataDb) -> None:
        before = _tables(airflow_db.url)
        with pytest.raises(ScratchError, match="is the metadata database"):
            certify.run(_arguments(airflow_db.url))
        assert _tables(airflow_db.url) == before
