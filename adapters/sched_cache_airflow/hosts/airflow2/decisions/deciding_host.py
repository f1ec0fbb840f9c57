"""The functions of Airflow 2.11 that the fast path needs."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from sched_cache.scheduling import AIRFLOW_2
from sched_cache_airflow.dags.resident_dags import ResidentDags
from sched_cache_airflow.fast_path.deciding_host import DecidingHost
from sched_cache_airflow.hosts.airflow2.dags.current_versions import versions_of
from sched_cache_airflow.hosts.airflow2.dags.dag import CompactSerializedDAG
from sched_cache_airflow.hosts.airflow2.decisions import slim_rows


def deciding_host(contents: ResidentDags) -> DecidingHost:
    """Airflow 2.11, whose DAGs are in `contents`."""

    def predicted_dag(dag_run: Any, session: Session) -> Any:
        versions = versions_of(session)
        if versions is None:
            return None
        dag_hash = versions.hash_of(dag_run.dag_id, session)
        return None if dag_hash is None else contents.resident(dag_run.dag_id, dag_hash, False)

    return DecidingHost(
        rules=AIRFLOW_2,
        rows=slim_rows,
        is_ordered=False,
        names_last_ended=False,
        dag_class=CompactSerializedDAG,
        loop_of=versions_of,
        predicted_dag=predicted_dag,
    )
