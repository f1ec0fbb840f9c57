"""Entry points of the scheduler that only Airflow 2.11 has."""

from __future__ import annotations

import datetime as dt
from typing import Any
from unittest import mock

from tests.undecodable.airflow2.rows import CHANGED, DATASETS
from tests.undecodable.scheduler import entries, failures, loop, verify_integrity
from tests.undecodable.states import DATE
from tests.undecodable.trial import BAD, GOOD, Entry


def _create_dataset_triggered(host: Any, dag_id: str, session: Any) -> Any:
    about = {one: (DATE, DATE + dt.timedelta(9)) for one in (BAD, GOOD)}
    host.runner._create_dag_runs_dataset_triggered(host.both(session), about, session)


def _executor_events(host: Any, dag_id: str, session: Any) -> Any:
    [executor] = host.executors()
    events = failures(host, session)
    with mock.patch.object(executor, "get_event_buffer", lambda *_: events):
        return host.runner._process_executor_events(executor=executor, session=session)


SCHEDULER = entries(
    loops=(
        Entry("scheduler: _do_scheduling, content changed", loop, CHANGED),
        Entry("scheduler: _do_scheduling, with datasets queued", loop, DATASETS),
    ),
    triggered=Entry("scheduler: _create_dag_runs_dataset_triggered", _create_dataset_triggered, DATASETS),
    executor_events=("_process_executor_events", _executor_events),
    others=(verify_integrity(CHANGED),),
)
