"""Which parts of the plugin a release of the host gets: the installed one, and ones that were made up from it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sched_cache_airflow.patching.code_table import known_code
from sched_cache_airflow.patching.known_code import digests
from sched_cache_airflow.releases import host_version, release_of
from tests.hosts.home import AirflowHome
from tests.hosts.subject import PLUGIN
from tests.support.made_up_release import Change, installed, make, replaced
from tools.releases.__main__ import table_of
from tools.releases.packages import sources_in
from tools.releases.worklist import work_list

VERSION = host_version() or ""
RELEASE = release_of(VERSION)
assert RELEASE is not None
HOST = RELEASE.host
PARTS = HOST.pinned.parts()
PATHS = sorted({path for paths in PARTS.values() for path in paths})

DAGRUN, TASK_INSTANCE = "airflow.models.dagrun", "airflow.models.taskinstance"
ENUMS = "airflow.serialization.enums"

_PROGRAM = """
import json
import airflow.jobs.scheduler_job_runner
from sched_cache_airflow.hosts.installed import host_process, runtime
replaced = [replaced.name for replaced in host_process().replacements]
print(json.dumps([runtime().fast_path.host_code.doubt(), replaced]))
"""


_STATUS = """
import json
import airflow.jobs.scheduler_job_runner
from sched_cache_airflow.hosts.installed import host_process
from sched_cache_airflow.patching.status import status
print(json.dumps([status.is_on, status.reason, len(host_process().replacements)]))
"""


def _comments(text: str) -> str:
    """Every function gets a comment before it."""
    return re.sub(r"^( *)(?=(?:async )?def )", r"\1# One more.\n\n\1", text, flags=re.MULTILINE)


def _docstring(text: str) -> str:
    return _comments(replaced(text, "Determine the overall state of the DagRun", "Find its state\n"))


def _state_of_a_run(text: str) -> str:
    return replaced(
        text, "def _are_premature_tis(\n        self,", "def _are_premature_tis(\n        self: DagRun,"
    )


def _row(text: str) -> str:
    return replaced(text, 'try_number": 0,', 'try_number": 1 - 1,')


def _column(text: str) -> str:
    """The table gets one that no release has."""
    return re.sub(
        r"^    hostname( ?[:=].*)$", r"    hostname\1\n    working_set\1", text, count=1, flags=re.MULTILINE
    )


def _type(text: str) -> str:
    """Documents may have a value of a type that no release knows."""
    return replaced(text, '    XCOM_REF = "xcomref"\n', '    XCOM_REF = "xcomref"\n    LOST = "lost"\n')


class KnownCodeContract:
    @pytest.mark.parametrize("path", PATHS)
    def test_a_process_finds_the_code_that_was_read_from_the_package(self, path: str) -> None:
        """And so the digest that is in the table."""
        assert dict(digests([path])) == {path: known_code(HOST).table.digest(path, VERSION)}

    @pytest.mark.parametrize("part", PARTS)
    def test_each_part_is_on(self, part: str) -> None:
        assert known_code(HOST).doubt(digests(PARTS[part])) == ""

    @pytest.mark.parametrize(
        ("changes", "doubt", "is_without", "work"),
        [
            pytest.param({DAGRUN: _docstring, TASK_INSTANCE: _comments}, "", "", [], id="comments"),
            pytest.param(
                {DAGRUN: _state_of_a_run},
                "DagRun._are_premature_tis is not the code of a known release",
                "",
                ["airflow.models.dagrun:DagRun._are_premature_tis"],
                id="decisions",
            ),
            pytest.param(
                {TASK_INSTANCE: _row},
                "",
                "insert_mapping",
                ["airflow.models.taskinstance:TaskInstance.insert_mapping"],
                id="rows of a new run",
            ),
            pytest.param(
                {TASK_INSTANCE: _column},
                "no tested release has column of task_instance working_set",
                "",
                [],
                id="table of task instances",
            ),
        ],
    )
    def test_a_release_to_come_loses_the_parts_that_it_changes(
        self,
        changes: Mapping[str, Change],
        doubt: str,
        is_without: str,
        work: list[str],
        airflow_home: AirflowHome,
        tmp_path: Path,
    ) -> None:
        """With nothing but comments changed it loses none, and the work list names what the others change."""
        make(tmp_path, changes)
        found, not_replaced = _in_a_process(tmp_path, airflow_home)
        found, _, of_certificate = found.partition(", and ")
        assert (found, not_replaced) == (doubt, is_without)
        assert of_certificate in ("", "its certificate was not looked for yet")
        sources = {VERSION: sources_in(installed()), "made up": sources_in(tmp_path)}
        lines = list(work_list(table_of(PARTS, sources), PARTS, "made up", [VERSION], sources))
        if work:
            assert [line.split()[-1] for line in lines if " lines  " in line] == work
        else:
            assert lines == [f"made up: every pinned function is that of {VERSION}; it is served as it is"]

    def test_a_release_whose_documents_have_a_new_type_is_left_alone(
        self, airflow_home: AirflowHome, tmp_path: Path
    ) -> None:
        """All its code is known, nothing is replaced, and one line says why."""
        make(tmp_path, {ENUMS: _type})
        done = _run(_STATUS, tmp_path, airflow_home)
        is_on, reason, n_replaced = json.loads(done.stdout.splitlines()[-1])
        assert (is_on, n_replaced) == (False, 0)
        assert reason.endswith("no tested release has type in a document lost")
        said = [line for line in done.stderr.splitlines() if "sched_cache" in line]
        assert said == [f"ERROR sched_cache stays off: {reason}"]


def _in_a_process(folder: Path, home: AirflowHome) -> tuple[str, str]:
    """The reason why the fast path is off, and the functions that were not replaced because their code is unknown."""
    done = _run(_PROGRAM, folder, home)
    doubt, names = json.loads(done.stdout.splitlines()[-1])
    known = {paths[0].rpartition(".")[2] for part, paths in PARTS.items() if part != "decisions"}
    return doubt, " ".join(sorted(known - set(names)))


def _run(program: str, folder: Path, home: AirflowHome) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **home.environment, **PLUGIN.environment(), "PYTHONWARNINGS": "ignore"}
    environment["PYTHONPATH"] = os.pathsep.join((str(folder), environment.get("PYTHONPATH", "")))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=home.path,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return done
