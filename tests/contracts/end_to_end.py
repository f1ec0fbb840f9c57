"""Whole runs on real processes: rules that every host keeps. A test of a host names its `run_everything`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.hosts.end_to_end.history import without_tries
from tests.hosts.end_to_end.run import Outcome
from tests.hosts.subject import SUBJECTS
from tests.support.servers import RedisServer

takes_minutes = pytest.mark.skipif(
    not os.environ.get("SCHED_CACHE_END_TO_END"), reason="SCHED_CACHE_END_TO_END is not set: minutes each"
)
in_ci = pytest.mark.skipif(
    not (os.environ.get("CI") or os.environ.get("SCHED_CACHE_END_TO_END")),
    reason="neither CI nor SCHED_CACHE_END_TO_END is set: takes a minute or two",
)
every_subject = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)


def with_redis(server: RedisServer) -> dict[str, str]:
    """The option that makes the plugin use ``server``."""
    return {"AIRFLOW__SCHED_CACHE__REDIS_URL": server.url}


def assert_as_expected(outcome: Outcome, expected: Path, *, same_tries: bool = True) -> None:
    """Same runs, same task instances, same states and tries; and no process mentions an exception of ours.

    Args:
        expected: the history that stock Airflow wrote.
    """
    of_stock = json.loads(expected.read_text())
    if same_tries:
        assert outcome.history == of_stock
    assert without_tries(outcome.history) == without_tries(of_stock)
    for name, log in outcome.logs.items():
        blamed = [line for line in log.splitlines() if "sched_cache" in line and 'File "' in line]
        assert not blamed, f"{name}: {blamed[:3]}"
