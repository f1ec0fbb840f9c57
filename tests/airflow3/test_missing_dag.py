"""The host's reaction to a missing DAG, which a broken cache must never cause.

Airflow fails *every* scheduled task of a DAG when its bag answers None (airflow issue 62050).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from sqlalchemy import Engine, create_engine, delete, inspect, text

from sched_cache_airflow.hosts.airflow3.compat import forget_dags
from tests.airflow3.support import runs
from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.content import DagContent
from tests.hosts.subject import PLUGIN, Subject
from tests.support.servers.process import free_port

# The limit makes the scheduler look the DAG up between deciding and queueing: there it fails the tasks.
CONTENT = DagContent("limited", ("a", "b"), task_options={"max_active_tis_per_dag": 5})


def waiting_runs(cluster: Cluster) -> list[str]:
    """Two running runs whose tasks are all scheduled and wait for an executor slot; returns their ids."""
    executor = cluster.scheduler.executor
    cluster.processor.publish(CONTENT)
    run_ids = [runs.trigger(CONTENT.dag_id, cluster.api_dag_bag) for _ in range(2)]
    executor.parallelism = 0
    cluster.scheduler.loop()
    executor.parallelism = 1000
    for run_id in run_ids:
        assert runs.task_states(CONTENT.dag_id, run_id) == {"a": "scheduled", "b": "scheduled"}
    return run_ids


def test_the_host_fails_every_scheduled_task_of_a_dag_that_has_no_row(cluster: Cluster) -> None:
    """The row really is gone, so None is the truth: both subjects do what Airflow does, in every run."""
    run_ids = waiting_runs(cluster)
    with create_session(scoped=False) as session:
        session.execute(delete(SerializedDagModel).where(SerializedDagModel.dag_id == CONTENT.dag_id))
    forget_dags(cluster.scheduler.dag_bag)

    cluster.scheduler.loop()

    for run_id in run_ids:
        assert runs.task_states(CONTENT.dag_id, run_id) == {"a": "failed", "b": "failed"}


def own_tables() -> Engine:
    """Where the plugin has its tables: the host's database, or on SQLite a file of its own."""
    from sched_cache_airflow.hosts.installed import runtime

    return create_engine(runtime().settings.config.database_url)


def own_tables_vanish(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table that is not the host's is dropped."""
    engine = own_tables()
    names = [name for name in inspect(engine).get_table_names() if name.startswith("sched_cache")]
    assert names
    with engine.begin() as connection:
        for name in names:
            connection.execute(text(f"DROP TABLE {name}"))
    engine.dispose()


def cached_contents_are_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every content fails to decode, wherever it comes from."""
    import sched_cache.contents
    from sched_cache.errors import FormatError
    from sched_cache_airflow.dags import resident_dags as contents

    def refuse(*parts: object, **options: object) -> None:
        raise FormatError("a test broke it")

    for module in (sched_cache.contents, contents):
        monkeypatch.setattr(module, "decode_dag", refuse)


@pytest.fixture
def unreachable_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens where Redis should be; the plugin reads its options when it is activated."""
    monkeypatch.setenv("AIRFLOW__SCHED_CACHE__REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")


plugin_only = pytest.mark.parametrize("subject", [PLUGIN], ids=["plugin"], indirect=True)


@pytest.mark.parametrize(
    ("fault", "heals"), [(own_tables_vanish, True), (cached_contents_are_garbage, False)]
)
@plugin_only
def test_a_broken_cache_fails_no_task(
    subject: Subject,
    cluster: Cluster,
    fault: Callable[[pytest.MonkeyPatch], None],
    heals: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As long as the host's row is there, the scheduler gets its DAG and queues the tasks; and it says why.

    Tables that vanished are made again by the first call that misses them, so there is nothing to fall back for.
    """
    from sched_cache_airflow.hosts.installed import runtime

    run_ids = waiting_runs(cluster)
    fault(monkeypatch)
    runtime().contents.l1.clear()
    forget_dags(cluster.scheduler.dag_bag)
    assert not runtime().stats.fallbacks

    cluster.scheduler.loop()

    if heals:
        engine = own_tables()
        assert inspect(engine).has_table("sched_cache_dag")
        engine.dispose()
    else:
        assert runtime().stats.fallbacks
    for run_id in run_ids:
        assert runs.task_states(CONTENT.dag_id, run_id) == {"a": "queued", "b": "queued"}


@plugin_only
def test_an_unreachable_redis_fails_no_task(
    unreachable_redis: None, subject: Subject, cluster: Cluster
) -> None:
    """Redis is an accelerator: without it from the start, runs are created, scheduled and queued."""
    run_ids = waiting_runs(cluster)

    cluster.scheduler.loop()

    for run_id in run_ids:
        assert runs.task_states(CONTENT.dag_id, run_id) == {"a": "queued", "b": "queued"}
