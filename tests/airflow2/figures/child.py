"""One measurement in a process of its own: `python -m tests.airflow2.figures.child NAME`, JSON on the last line."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager
from typing import Any

warnings.simplefilter("ignore")  # the host uses what its libraries deprecate

from tests.airflow2.figures import stored_dags  # noqa: E402
from tests.support.figures import SIZES, Figures, HostOfFigures, answer, children, is_plugin  # noqa: E402


class Airflow2(HostOfFigures):
    """A DAG has one version, so it goes by the DAG's id."""

    def versions(self, prefix: str) -> list[Any]:
        return list(stored_dags.dag_ids(prefix))

    def rewrite(self, dag_id: str, n_tasks: int, edition: int) -> None:
        stored_dags.rewrite(dag_id, n_tasks, edition)

    def scheduler_bag(self) -> Any:
        from airflow.jobs import scheduler_job_runner as host

        return host.DagBag(read_dags_from_db=True, load_op_links=False, collect_dags=False)

    def clear(self, bag: Any) -> None:
        if not is_plugin():  # with it, a view of the L1
            bag.dags.clear()

    def session(self) -> AbstractContextManager[Any]:
        from airflow.utils.session import create_session

        return create_session()

    def runtime(self) -> Any:
        from sched_cache_airflow.hosts.installed import runtime

        return runtime()

    def begin_loop(self, versions: list[Any], session: Any) -> Any:
        from sched_cache_airflow.hosts.airflow2.dags.current_versions import begin_loop

        of_loop = begin_loop(session)
        of_loop.read(versions, session)
        return of_loop.hashes


def write(*prefixes: str) -> Figures:
    """Writes the data that the other processes read. Not measured."""
    for prefix in prefixes:
        stored_dags.write_dags(prefix, *SIZES[prefix])
    return {}


CHILDREN = children(Airflow2(), write)


if __name__ == "__main__":
    if is_plugin():
        import airflow.jobs.scheduler_job_runner  # noqa: F401

        from sched_cache_airflow.hosts.installed import host_process

        host_process().install()
    answer(CHILDREN)
