"""DAGs and pools in the metadata database, written as the DAG processor writes them, without a file."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from airflow.dag_processing.collection import update_dag_parsing_results_in_db
from airflow.models import DagModel
from airflow.models.pool import Pool
from airflow.models.serialized_dag import SerializedDagModel
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import update

from sched_cache_airflow.hosts.airflow3.dags.serialization import DagSerialization
from tests.airflow3.support.parsing_results import of_later_releases

_BUNDLE = "dags-folder"
_FILE = "random_dags.py"


def document_of(dag: Any) -> Any:
    """The document that the processor stores for a DAG of the SDK."""
    return json.loads(json.dumps(DagSerialization.to_dict(dag)))


def store(documents: Iterable[Any]) -> None:
    """Publishes these contents. A DAG of an earlier call that is not among them stays as it is."""
    documents = [copy.deepcopy(document) for document in documents]
    for document in documents:
        # The host stores the source too: any file that is there will do.
        document["dag"] |= {"fileloc": __file__, "relative_fileloc": _FILE}
    with create_session(scoped=False) as session:
        update_dag_parsing_results_in_db(
            bundle_name=_BUNDLE,
            bundle_version=None,
            **of_later_releases(_BUNDLE, _FILE),
            dags=[LazyDeserializedDAG(data=document) for document in documents],
            import_errors={},
            parse_duration=0.0,
            warnings=set(),
            session=session,
        )
        dag_ids = [document["dag"]["dag_id"] for document in documents]
        session.execute(update(DagModel).where(DagModel.dag_id.in_(dag_ids)).values(is_paused=False))


def make_room() -> None:
    """Pools without limit: which task gets the last slot is decided by the order of rows, which nobody promises."""
    with create_session(scoped=False) as session:
        session.merge(Pool(pool="other_pool", slots=-1, description="", include_deferred=False))
        session.execute(update(Pool).values(slots=-1))


def create_run(dag_id: str, date: datetime, run_type: DagRunType = DagRunType.MANUAL) -> str:
    """A queued run of the latest version, as the API creates it; its run_id."""
    run_id = f"{run_type.value}__{date:%Y-%m-%d}"
    with create_session(scoped=False) as session:
        row = SerializedDagModel.get(dag_id, session=session)
        assert row is not None
        row.dag.create_dagrun(
            run_id=run_id,
            logical_date=date,
            data_interval=(date, date + timedelta(days=1)),
            run_after=date,
            run_type=run_type,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.QUEUED,
            session=session,
        )
    return run_id
