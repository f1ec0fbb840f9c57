"""DAGs and pools in the metadata database, written as the DAG processor writes them, without a file."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import md5
from typing import Any

from airflow.models import DagModel
from airflow.models.dag import DAG
from airflow.models.pool import Pool
from airflow.models.serialized_dag import SerializedDagModel
from airflow.serialization.serialized_objects import SerializedDAG
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunType
from sqlalchemy import update


def document_of(dag: Any) -> Any:
    """The document that the processor stores for a DAG."""
    return json.loads(json.dumps(SerializedDAG.to_dict(dag)))


def store(documents: Iterable[Any]) -> None:
    """Publishes these contents, at once; the host waits half a minute between two of one DAG."""
    with create_session() as session:
        for document in map(copy.deepcopy, documents):
            # The host stores the source too: any file that is there will do.
            document["dag"]["fileloc"] = __file__
            dag = SerializedDAG.from_dict(document)
            DAG.bulk_write_to_db([dag], session=session)
            row = SerializedDagModel(dag)
            # What the host would make of its own object: the same, but for the order of some keys.
            row._data, row.dag_hash = document, md5(json.dumps(document, sort_keys=True).encode()).hexdigest()
            session.merge(row)
            session.execute(update(DagModel).where(DagModel.dag_id == dag.dag_id).values(is_paused=False))


def make_room() -> None:
    """Pools without limit: which task gets the last slot is decided by the order of rows, which nobody promises."""
    with create_session() as session:
        session.add(Pool(pool="other_pool", slots=-1, description="", include_deferred=False))
        session.execute(update(Pool).values(slots=-1))


def create_run(dag_id: str, date: datetime) -> str:
    """A queued run, as the webserver creates it; its run_id."""
    run_id = f"manual__{date:%Y-%m-%d}"
    with create_session() as session:
        row = SerializedDagModel.get(dag_id, session=session)
        assert row is not None
        row.dag.create_dagrun(
            run_id=run_id,
            execution_date=date,
            data_interval=(date, date + timedelta(days=1)),
            run_type=DagRunType.MANUAL,
            state=DagRunState.QUEUED,
            external_trigger=True,
            dag_hash=row.dag_hash,
            session=session,
        )
    return run_id
