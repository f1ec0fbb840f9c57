"""Real schedulers, processor and triggerer of Airflow 2.11: every run ends as ``expected_history.json`` says.

Stock Airflow wrote that file (``python -m tests.airflow2.end_to_end.run stock --expected``). Each test takes
one to two minutes: CI runs the first one, and ``make end-to-end HOST=airflow2`` all of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from tests.airflow2.end_to_end.run import EXPECTED, run_everything
from tests.airflow3.end_to_end.disturbances import QUICK_RECOVERY, RedisFaults, kill_a_scheduler
from tests.airflow3.end_to_end.history import without_tries
from tests.airflow3.end_to_end.run import Outcome
from tests.airflow3.support.subject import PLUGIN, STOCK, SUBJECTS, Subject
from tests.support.servers import RedisServer, required

takes_minutes = pytest.mark.skipif(
    not os.environ.get("SCHED_CACHE_END_TO_END"), reason="SCHED_CACHE_END_TO_END is not set: minutes each"
)
every_subject = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis that the test may hurt."""
    with required():
        server = RedisServer()
    with server:
        yield server


def with_redis(server: RedisServer) -> dict[str, str]:
    """The option that makes the plugin use ``server``."""
    return {"AIRFLOW__SCHED_CACHE__REDIS_URL": server.url}


def assert_as_expected(outcome: Outcome, *, same_tries: bool = True) -> None:
    """Same runs, same task instances, same states and tries; and no process mentions an exception of ours."""
    expected = json.loads(EXPECTED.read_text())
    if same_tries:
        assert outcome.history == expected
    assert without_tries(outcome.history) == without_tries(expected)
    for name, log in outcome.logs.items():
        blamed = [line for line in log.splitlines() if "sched_cache" in line and 'File "' in line]
        assert not blamed, f"{name}: {blamed[:3]}"


@pytest.mark.skipif(
    not (os.environ.get("CI") or os.environ.get("SCHED_CACHE_END_TO_END")),
    reason="neither CI nor SCHED_CACHE_END_TO_END is set: takes a minute or two",
)
def test_every_run_ends_as_on_stock(redis: RedisServer) -> None:
    """Branches, mapping, setup and teardown, retries, sensors, datasets, deferral, trigger rules, limits."""
    assert_as_expected(run_everything(PLUGIN, options=with_redis(redis)))
    # Only the plugin writes contents to Redis.
    assert redis.execute("DBSIZE") > 0


@takes_minutes
def test_every_run_ends_as_on_stock_on_mariadb(redis: RedisServer) -> None:
    """On another database, where the host locks no rows: tries are counted twice now and then, on stock too."""
    outcome = run_everything(PLUGIN, database="mariadb", options=with_redis(redis))
    assert_as_expected(outcome, same_tries=False)
    assert redis.execute("DBSIZE") > 0


@takes_minutes
def test_stock_still_ends_as_it_did(redis: RedisServer) -> None:
    """The reference of the other tests is the behaviour of this host, which does not use our Redis."""
    assert_as_expected(run_everything(STOCK, options=with_redis(redis)))
    assert redis.execute("DBSIZE") == 0


@takes_minutes
@every_subject
def test_a_killed_scheduler_changes_no_outcome(subject: Subject, redis: RedisServer) -> None:
    """The tasks that died with it are tried again, and its successor starts with an empty cache."""
    options = {**QUICK_RECOVERY, **with_redis(redis)}
    outcome = run_everything(subject, options=options, disturb=kill_a_scheduler)
    assert_as_expected(outcome, same_tries=False)


@takes_minutes
def test_a_lost_redis_changes_no_outcome(redis: RedisServer) -> None:
    """Redis is flushed, stops answering, dies and comes back empty while the runs are under way."""
    assert_as_expected(run_everything(PLUGIN, options=with_redis(redis), disturb=RedisFaults(redis)))
