"""One measurement in a process of its own: `python -m tests.airflow3.figures.child NAME`, JSON on the last line."""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager
from statistics import median
from typing import Any

from tests.airflow3.figures import stored_dags
from tests.airflow3.support.bags import dag_of_version
from tests.support.figures import SIZES, Figures, HostOfFigures, answer, children, is_plugin


class Airflow3(HostOfFigures):
    """A version is the host's, by its id."""

    def versions(self, prefix: str) -> list[Any]:
        return stored_dags.version_ids(prefix)

    def rewrite(self, dag_id: str, n_tasks: int, edition: int) -> None:
        stored_dags.rewrite_in_place(dag_id, n_tasks, edition)

    def scheduler_bag(self) -> Any:
        from airflow.jobs import scheduler_job_runner as host

        from sched_cache_airflow.hosts.airflow3.compat import BAG

        limit = vars(host).get("SCHEDULER_DAG_CACHE_SIZE")  # before 3.3.2, the bag has none
        options = {"cache_size": limit, "cache_ttl": 0, "stats_prefix": "scheduler.dag_bag"}
        return vars(host)[BAG](load_op_links=False, **(options if limit else {}))

    def dag(self, bag: Any, version: Any, session: Any) -> Any:
        return dag_of_version(bag, version, session)

    def clear(self, bag: Any) -> None:
        from sched_cache_airflow.hosts.airflow3.compat import forget_dags

        forget_dags(bag)

    def session(self) -> AbstractContextManager[Any]:
        from airflow.utils.session import create_session

        return create_session(scoped=False)

    def runtime(self) -> Any:
        from sched_cache_airflow.hosts.installed import runtime

        return runtime()

    def begin_loop(self, versions: list[Any], session: Any) -> Any:
        from sched_cache_airflow.hosts.airflow3.dags.current_versions import begin_loop

        of_loop = begin_loop(session)
        of_loop.read((), versions, session)
        return of_loop.hashes


def write(*prefixes: str) -> Figures:
    """Writes the data that the other processes read. Not measured."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    DagBundlesManager().sync_bundles_to_db()
    for prefix in prefixes:
        stored_dags.write_dags(prefix, *SIZES[prefix])
    return {}


def latest() -> Figures:
    """The API server's look-up of the latest version, again and again."""
    from airflow.api_fastapi.common.dagbag import create_dag_bag
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session

    bag, times = create_dag_bag(), []
    with create_session(scoped=False) as session:
        nbytes = len(json.dumps(SerializedDagModel.get("page_0000", session=session).data))
    for _ in range(60):
        with create_session(scoped=False) as session:
            session.connection()
            started = time.perf_counter()
            dag = bag.get_latest_version_of_dag("page_0000", session=session)
            times.append(time.perf_counter() - started)
            assert len(dag.task_ids) == 500
    return {"ms": 1e3 * median(times), "document_kb": nbytes / 1e3}


CHILDREN = children(Airflow3(), write, latest)


if __name__ == "__main__":
    if is_plugin():
        import airflow.api_fastapi.common.dagbag
        import airflow.jobs.scheduler_job_runner  # noqa: F401

        from sched_cache_airflow.hosts.installed import host_process

        host_process().install()
    answer(CHILDREN)
