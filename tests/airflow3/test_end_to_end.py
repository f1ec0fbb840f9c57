"""Real schedulers, processor, API server and triggerer: every run ends as ``expected_history.json`` says.

Stock Airflow wrote that file (``python -m tests.airflow3.end_to_end.run stock --expected``). Each test takes
one to two minutes: CI runs the first one, and ``make end-to-end`` all of them, with ``RELEASE=X.Y.Z`` on that release.
"""

from __future__ import annotations

from tests.airflow3.end_to_end.run import EXPECTED, run_everything
from tests.contracts.end_to_end import assert_as_expected, every_subject, in_ci, takes_minutes, with_redis
from tests.hosts.end_to_end.disturbances import QUICK_RECOVERY, RedisFaults, kill_a_scheduler
from tests.hosts.subject import PLUGIN, STOCK, Subject
from tests.support.servers import RedisServer


@in_ci
def test_every_run_ends_as_on_stock(own_redis: RedisServer) -> None:
    """Branches, mapping, setup and teardown, retries, sensors, assets, deferral, trigger rules, limits."""
    assert_as_expected(run_everything(PLUGIN, options=with_redis(own_redis)), EXPECTED)
    # Only the plugin writes contents to Redis.
    assert own_redis.execute("DBSIZE") > 0


@takes_minutes
def test_stock_still_ends_as_it_did(own_redis: RedisServer) -> None:
    """The reference of the other tests is the behaviour of this host, which does not use our Redis."""
    assert_as_expected(run_everything(STOCK, options=with_redis(own_redis)), EXPECTED)
    assert own_redis.execute("DBSIZE") == 0


@takes_minutes
@every_subject
def test_a_killed_scheduler_changes_no_outcome(subject: Subject, own_redis: RedisServer) -> None:
    """The tasks that died with it are tried again, and its successor starts with an empty cache."""
    options = {**QUICK_RECOVERY, **with_redis(own_redis)}
    outcome = run_everything(subject, options=options, disturb=kill_a_scheduler)
    assert_as_expected(outcome, EXPECTED, same_tries=False)


@takes_minutes
def test_a_lost_redis_changes_no_outcome(own_redis: RedisServer) -> None:
    """Redis is flushed, stops answering, dies and comes back empty while the runs are under way."""
    outcome = run_everything(PLUGIN, options=with_redis(own_redis), disturb=RedisFaults(own_redis))
    assert_as_expected(outcome, EXPECTED)
