"""`SerializedDagModel` of Airflow 3: the queries for its rows."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from airflow.models.serialized_dag import SerializedDagModel
from sqlalchemy.orm import defer

from sched_cache_airflow.hosts.airflow3 import compat
from sched_cache_airflow.patching.known_code import is_hosts_own

logger = logging.getLogger("sched_cache.airflow")

Method = Callable[..., Any]


_known: dict[str, tuple[Any, bool]] = {}


def is_host_asked_alone(*names: str) -> bool:
    """Whether these members of `SerializedDagModel` contain only code of the host and of the plugin.

    Code that bypasses them checks this first, because code of a site there may affect every DAG.
    """
    return all(_is_hosts(name) for name in names)


def _is_hosts(name: str) -> bool:
    member = vars(SerializedDagModel)[name]
    known = _known.get(name)
    if known is None or known[0] is not member:
        known = _known[name] = member, is_hosts_own(member)
        if not known[1]:
            logger.info("SerializedDagModel.%s was replaced by other code, which is asked for each DAG", name)
    return known[1]


def latest_statement(stock: Method) -> Method:
    """`SerializedDagModel.latest_item_select_object`: without the document for the host's own code that needs none."""

    def latest_item_select_object(cls: Any, dag_id: Any) -> Any:
        statement = stock(cls, dag_id)
        return _without_document(cls, statement) if _is_known(sys._getframe(1)) else statement

    return latest_item_select_object


def latest_rows(stock: Method) -> Method:
    """`SerializedDagModel.get_latest_serialized_dags`: asked about no DAG in most loops, and then without a query."""

    def get_latest_serialized_dags(cls: Any, *, dag_ids: Any, **options: Any) -> Any:
        if not dag_ids:
            return []
        if compat.SELECTS_LATEST and "session" in options and _is_known(sys._getframe(1)):
            statement = _without_document(cls, cls._latest_by_version_select(dag_ids))
            return options["session"].scalars(statement).all()
        return stock(cls, dag_ids=dag_ids, **options)

    return get_latest_serialized_dags


def _is_known(caller: FrameType) -> bool:
    return caller.f_globals.get("__name__") in _NEED_NO_DOCUMENT


def _without_document(cls: Any, statement: Any) -> Any:
    return statement.options(defer(cls._data), defer(cls._data_compressed))


_NEED_NO_DOCUMENT = frozenset(
    (
        "airflow.api_fastapi.common.partition_helpers",
        "airflow.api_fastapi.core_api.routes.ui.grid",
        "airflow.jobs.scheduler_job_runner",
        "airflow.models.backfill",
        "airflow.models.dag",
    )
)
"""Modules of the host that take the DAG of a row while its session is open, and keep no row.

Other code gets rows as the host creates them, which may be read after their session.
"""
