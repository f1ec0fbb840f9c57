"""The process that edits DAGs and creates runs, with stock's own code: one JSON line for each thing to do.

An order is `["edit", dag_id, generation]` or `["run", dag_id, number]`, the first one `["prepare", "", 0]`; each is
answered when it is committed, an edit with the hash of the DAG.
"""

from __future__ import annotations

import json
import sys
import warnings
from datetime import timedelta
from typing import Any

from bench.answers import open_answers


def main() -> None:
    answer = open_answers()
    from tests.edited_cluster.content import content
    from tests.edited_cluster.host import host_name, support
    from tests.support.scheduling.random_dags import START

    stored_dags = support("stored_dags")
    answer("ready")
    for line in iter(sys.stdin.readline, ""):
        what, dag_id, number = json.loads(line)
        said = "done"
        if what == "edit":
            stored_dags.store([content(host_name(), dag_id, number)])
            said = _hash_of(dag_id)
        elif what == "run":
            stored_dags.create_run(dag_id, START - timedelta(days=number))
        else:
            prepare(stored_dags)
        answer(said)


def _hash_of(dag_id: str) -> str:
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        row = SerializedDagModel.get(dag_id, session=session)
        assert row is not None
        return str(row.dag_hash)


def prepare(stored_dags: Any) -> None:
    """Makes room in the pools, and on Airflow 3 the bundle that the DAGs claim to come from."""
    from tests.edited_cluster.host import host_name

    if host_name() == "airflow3":
        from airflow.dag_processing.bundles.manager import DagBundlesManager

        DagBundlesManager().sync_bundles_to_db()
    stored_dags.make_room()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
