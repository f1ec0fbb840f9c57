"""`sched-cache watch` beside a real DAG processor and scheduler: a file that is saved is used soon after."""

from __future__ import annotations

import math
import os
import random
import statistics
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from airflow.models.dagbag import DagPriorityParsingRequest
from airflow.models.pool import Pool
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import delete, select

from sched_cache_airflow.watch import ChangedFile, host_here
from tests.hosts.home import AirflowHome, option
from tests.hosts.metadata_db import MetadataDb
from tests.hosts.processes import AirflowProcess
from tests.hosts.subject import PLUGIN, STOCK
from tests.support.watching import wait_until, watching

_BUNDLE = "dags-folder"
_N_FILES = 10
_N_OTHERS = 60
_PARSE_SECONDS = 1.0
_WITHIN_SECONDS = 3.0
_CLOSED_POOL = "closed"  # as in the files below
# Its run never ends: no task of that pool is ever queued.
_DAG = """\
import datetime
import time
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

time.sleep({seconds})
with DAG({dag_id!r}, schedule={schedule!r}, start_date=datetime.datetime(2026, 1, 1), is_paused_upon_creation=False):
    EmptyOperator(task_id="edition_{edition}")
    BashOperator(task_id="stays", bash_command="true", pool="closed")
"""


@pytest.fixture
def dags(airflow_db: MetadataDb, airflow_home: AirflowHome) -> Iterator[Path]:
    """The folder of the one bundle, empty, and no requests."""
    with create_session() as session:
        session.execute(delete(DagPriorityParsingRequest))
    yield airflow_home.dags
    for path in airflow_home.dags.glob("watched_*.py"):
        path.unlink()


def save(dags: Path, number: int, edition: int) -> None:
    schedule = "@once" if number < _N_FILES else None
    text = _DAG.format(seconds=_PARSE_SECONDS, dag_id=f"watched_{number}", edition=edition, schedule=schedule)
    (dags / f"watched_{number}.py").write_text(text)


def requested() -> set[tuple[str, str]]:
    with create_session() as session:
        rows = session.scalars(select(DagPriorityParsingRequest))
        return {(row.bundle_name, row.relative_fileloc) for row in rows}


def editions() -> dict[str, int]:
    """DAG -> the edition that the newest content in the database has."""
    with create_session() as session:
        rows = session.execute(
            select(SerializedDagModel.dag_id, SerializedDagModel._data).order_by(
                SerializedDagModel.created_at
            )
        )
        return {
            dag_id: int(data["dag"]["tasks"][0]["__var"]["task_id"].rpartition("_")[2])
            for dag_id, data in rows
            if dag_id.startswith("watched_")  # other tests leave DAGs of theirs
        }


def test_a_request_names_bundle_and_path(dags: Path) -> None:
    """Once, however often it was asked."""
    host = host_here()
    assert host is not None
    [folder] = host.folders()
    assert folder == (_BUNDLE, str(dags))
    for _ in range(2):
        host.ask([ChangedFile(folder.bundle, folder.path, "below/a.py")])
    assert requested() == {(_BUNDLE, "below/a.py")}


def test_a_saved_file_is_asked_for(dags: Path, tmp_path: Path) -> None:
    save(dags, 0, 1)
    with watching(tmp_path / "log", os.environ, "--state", "none") as watch:
        watch.wait_for(f"bundle {_BUNDLE}")
        save(dags, 0, 2)
        wait_until(lambda: requested() == {(_BUNDLE, "watched_0.py")}, "watched_0.py")


def environment_with(**dag_processor_options: str) -> dict[str, str]:
    named = {option("dag_processor", name): value for name, value in dag_processor_options.items()}
    return {**os.environ, **named}


@contextmanager
def processing(tmp_path: Path, environment: Mapping[str, str]) -> Iterator[AirflowProcess]:
    """A DAG processor as its own process."""
    processor = AirflowProcess("dag-processor", ("dag-processor",), tmp_path / "processor.log", environment)
    processor.start()
    try:
        yield processor
    finally:
        processor.stop()


def test_the_processor_parses_what_was_asked_for(dags: Path, tmp_path: Path) -> None:
    """Changed and new files, by a processor that would look at neither for ten minutes."""
    environment = {
        **environment_with(
            refresh_interval="600", min_file_process_interval="600", file_parsing_sort_mode="alphabetical"
        ),
        option("core", "min_serialized_dag_update_interval"): "0",
    }
    save(dags, 0, 1)
    with processing(tmp_path, environment) as processor:
        wait_until(lambda: editions() == {"watched_0": 1}, "the first parse", seconds=90)
        with watching(tmp_path / "watch.log", environment, "--state", "none"):
            for edition in (2, 3, 4):
                save(dags, 0, edition)
                wait_until(lambda wanted=edition: editions()["watched_0"] == wanted, f"edition {edition}")
            save(dags, 1, 1)
            wait_until(lambda: "watched_1" in editions(), "the new file")
        assert processor.is_running, processor.log_end()


@pytest.mark.skipif(
    not os.environ.get("SCHED_CACHE_END_TO_END"), reason="takes minutes: for SCHED_CACHE_END_TO_END"
)
@pytest.mark.parametrize("is_watched", [True, False], ids=["watched", "stock"])
def test_a_saved_file_is_used_by_the_scheduler_soon(
    dags: Path, tmp_path: Path, is_watched: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """The median of ten files, each of which takes a second to parse, in a folder that keeps the processor busy.

    Used: a loop of the scheduler has given the DAG's run the task that only the new edition has. All intervals are the
    host's own. A processor with time to spare looks at the files' times itself, in every loop.
    """
    with create_session() as session:
        session.merge(Pool(pool=_CLOSED_POOL, slots=0, description="", include_deferred=False))
    for number in range(_N_FILES + _N_OTHERS):
        save(dags, number, 1)
    subject = PLUGIN if is_watched else STOCK
    environment = {**environment_with(refresh_interval="300"), **subject.environment()}
    command = (
        watching(tmp_path / "watch.log", environment, "--state", "none") if is_watched else nullcontext()
    )
    with processing(tmp_path, environment) as processor, scheduling(tmp_path, environment) as scheduler:
        wait_until(lambda: len(editions()) == _N_FILES + _N_OTHERS, "the first parse", seconds=240)
        wait_until(lambda: len(used(1)) == _N_FILES, "the runs", seconds=120)
        with command:
            # The host writes no DAG again within 30 s.
            time.sleep(31)
            followed = _save_all(dags)
        for process in (processor, scheduler):
            assert process.is_running, process.log_end()
    with capsys.disabled():
        print(f"\n{'watched' if is_watched else 'stock'}, n {len(followed)}")
        for what, latencies in (
            ("in the database", [times.stored_at - times.saved_at for times in followed]),
            ("used by the scheduler", [times.used_at - times.saved_at for times in followed]),
        ):
            print(f"  saved to {what}: p50 {statistics.median(latencies):.2f} s, max {max(latencies):.2f} s")
    median = statistics.median(times.used_at - times.saved_at for times in followed)
    assert (median <= _WITHIN_SECONDS) == is_watched


@contextmanager
def scheduling(tmp_path: Path, environment: Mapping[str, str]) -> Iterator[AirflowProcess]:
    """A scheduler as its own process."""
    command = ("scheduler", "--skip-serve-logs")
    scheduler = AirflowProcess("scheduler", command, tmp_path / "scheduler.log", environment)
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.stop()


def used(edition: int) -> set[str]:
    """The DAGs whose run has the task of this edition."""
    of_edition = select(TaskInstance.dag_id).where(TaskInstance.task_id == f"edition_{edition}")
    with create_session() as session:
        return set(session.scalars(of_edition))


@dataclass(slots=True)
class Times:
    """Of one edit, by the clock of the test; infinite where something has not happened yet."""

    saved_at: float
    stored_at: float = math.inf
    used_at: float = math.inf


def _save_all(dags: Path) -> list[Times]:
    """The fate of each file, saved at times that are not synchronized with the host."""
    choose = random.Random(1)
    followed: dict[str, Times] = {}

    def save_them() -> None:
        for number in range(_N_FILES):
            time.sleep(choose.uniform(1.5, 4.5))
            save(dags, number, 2)
            followed[f"watched_{number}"] = Times(time.monotonic())

    saver = threading.Thread(target=save_them)
    saver.start()

    def all_used() -> bool:
        stored = {dag_id for dag_id, edition in editions().items() if edition == 2}
        stored_at, in_use = time.monotonic(), used(2)
        used_at = time.monotonic()
        for dag_id, times in list(followed.items()):
            if dag_id in stored:
                times.stored_at = min(times.stored_at, stored_at)
            if dag_id in in_use:
                times.used_at = min(times.used_at, used_at)
        return len(followed) == _N_FILES and all(times.used_at < math.inf for times in followed.values())

    wait_until(all_used, "the second editions", seconds=200)
    saver.join()
    return list(followed.values())
