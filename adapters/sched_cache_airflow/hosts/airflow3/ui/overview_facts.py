"""The facts of the overview, from the reports, the host's tables and ours: bounded queries, and the auth manager's."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow.models.dag_version import DagVersion
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from sched_cache.errors import SchedCacheError
from sched_cache_airflow.hosts.airflow3.runtime import Process
from sched_cache_airflow.hosts.airflow3.ui.holders import Holders
from sched_cache_airflow.reporting.page.overview import Changed, Overview
from sched_cache_airflow.reporting.reports import recent_reports
from sched_cache_airflow.settings.host_settings import host_schema
from sched_cache_airflow.triggers.security import trigger_weaknesses

if TYPE_CHECKING:
    from sched_cache_airflow.hosts.airflow3.ui.rights import Rights

logger = logging.getLogger("sched_cache.airflow")

_MAX_CHANGED = 15
_MAX_LOOKED_AT = 300
_MAX_FRESH = 1_000


def read_overview(process: Process, rights: Rights) -> Overview:
    """The facts for a user with these permissions. Never raises."""
    overview = Overview()
    with told(overview.troubles, "Airflow could not tell what you may see"):
        overview.with_hosts = rights.may_see_jobs()
    with told(overview.troubles, "The reports of the processes could not be read"):
        overview.reports = recent_reports(process.runtime().settings)
    rows: list[Any] = []
    with told(overview.troubles, "Airflow's tables could not be read"):
        rows = _changed_rows(rights)
    shared: set[str] = set()
    fresh: set[str] = set()
    with told(overview.troubles, "The tables of the plugin could not be read"):
        pointers = process.runtime().cache.store.read_pointers([str(row.dag_version_id) for row in rows])
        shared = {key for key, pointer in pointers.items() if pointer.content_hash is not None}
        fresh = {pointer.key for pointer in process.runtime().cache.store.fresh(0, _MAX_FRESH).pointers}
        overview.n_fresh = len(fresh)
    with told(overview.troubles, "The trigger of the database could not be looked at"):
        overview.troubles += _trigger_troubles(process)
    holders = Holders(overview.reports)
    overview.changed = [
        Changed(
            dag_id=row.dag_id,
            version_number=row.version_number,
            dag_hash=row.dag_hash,
            seconds_ago=seconds_since(row.last_updated),
            is_shared=str(row.dag_version_id) in shared,
            is_fresh=str(row.dag_version_id) in fresh,
            resident_in=holders.of(row.dag_version_id),
        )
        for row in rows
    ]
    return overview


@contextmanager
def told(troubles: list[str], what: str) -> Iterator[None]:
    """Turns an error in the block into a sentence on the page, and logs its cause."""
    try:
        yield
    except (SchedCacheError, SQLAlchemyError, OSError) as error:
        logger.warning("%s", what, exc_info=error)
        troubles.append(f"{what}: {type(error).__name__}. The log of the API server says more.")
    except Exception as error:  # a bug of ours must not break the rest of the page
        logger.exception("%s", what)
        troubles.append(f"{what}: {type(error).__name__}. This is a bug; the log of the API server has it.")


def seconds_since(moment: datetime | None) -> float:
    """The time by the clock of this machine, for display only."""
    if moment is None:
        return 0.0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return max((datetime.now(timezone.utc) - aware).total_seconds(), 0.0)


def _trigger_troubles(process: Process) -> list[str]:
    with create_session(scoped=False) as session:
        config = process.runtime().settings.config
        weaknesses = trigger_weaknesses(session.connection(), config, host_schema())
    # `doctor` shows the address of the database, to users with access to the command.
    as_whom = " with a --database-url of that role or of a superuser"
    return [f"{one.found}. Run: {one.command}{as_whom if one.url else ''}" for one in weaknesses]


def _changed_rows(rights: Rights) -> list[Any]:
    """The contents that changed last, if the user may see the versions of their DAGs."""
    permitted = rights.readable_dags()
    if not permitted:
        return []
    serialized = SerializedDagModel
    query = (
        select(
            serialized.dag_id,
            serialized.dag_version_id,
            serialized.dag_hash,
            serialized.last_updated,
            DagVersion.version_number,
        )
        .join(DagVersion, DagVersion.id == serialized.dag_version_id)
        .where(serialized.dag_id.in_(permitted))
        .order_by(serialized.last_updated.desc())
        .limit(_MAX_LOOKED_AT)
    )
    with create_session(scoped=False) as session:
        rows = list(session.execute(query).all())
    seen: list[Any] = []
    answers: dict[str, bool] = {}
    for row in rows:
        if row.dag_id not in answers:
            answers[row.dag_id] = rights.may_see_versions(row.dag_id)
        if answers[row.dag_id]:
            seen.append(row)
        if len(seen) == _MAX_CHANGED:
            break
    return seen
