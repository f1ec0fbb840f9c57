"""The routes. Access to the host's plugins gives access to the cluster, and access to a DAG's versions to that DAG.

The page reports data that cannot be read. A response is never a traceback, nor a status of 500.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_view
from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from sched_cache.errors import SchedCacheError
from sched_cache_airflow.hosts.airflow3.dags.dag_bag import refresh_bags
from sched_cache_airflow.hosts.airflow3.runtime import Process
from sched_cache_airflow.hosts.airflow3.ui.dag_facts import read_dag_facts
from sched_cache_airflow.hosts.airflow3.ui.overview_facts import read_overview
from sched_cache_airflow.hosts.airflow3.ui.rights import Rights, requires_versions
from sched_cache_airflow.hosts.shared import jobs
from sched_cache_airflow.reporting.page.dag_view import dag_page
from sched_cache_airflow.reporting.page.overview import overview_page
from sched_cache_airflow.reporting.page.rendering import render

logger = logging.getLogger("sched_cache.airflow")

URL_PREFIX = "/sched_cache"
_MAX_DAG_ID = 250
_WORDS = {
    401: "You are not logged in.",
    403: "You may not see this.",
    404: "There is no such page.",
}


class _Pages:
    """The endpoints and the lifespan of the app, which read the state of this process."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Runs in each worker of the API server. The workers are not jobs of the host, so no job announces them."""
        jobs.begin_reports(self._process, "api-server")
        jobs.begin_refresh(self._process, refresh_bags)
        yield
        jobs.end_reports(self._process)

    # No coroutines, because they wait for the database in a thread.
    def overview(self, user: GetUserDep) -> HTMLResponse:
        nonce = secrets.token_urlsafe(12)
        return _response(overview_page(read_overview(self._process, Rights(user)), nonce=nonce), nonce)

    def dag(
        self, dag_id: Annotated[str, Query(min_length=1, max_length=_MAX_DAG_ID)], user: GetUserDep
    ) -> HTMLResponse:
        nonce = secrets.token_urlsafe(12)
        facts = read_dag_facts(self._process, dag_id, Rights(user))
        return _response(dag_page(facts, nonce=nonce), nonce)


def make_app(process: Process) -> FastAPI:
    """The app that the host mounts under `URL_PREFIX`."""
    pages = _Pages(process)
    app = FastAPI(
        title="sched_cache", lifespan=pages.lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.add_api_route(
        "/",
        pages.overview,
        response_class=HTMLResponse,
        dependencies=[Depends(requires_access_view(AccessView.PLUGINS))],
    )
    app.add_api_route(
        "/dag",
        pages.dag,
        response_class=HTMLResponse,
        dependencies=[Depends(requires_versions)],
    )
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    # A handler of `Exception` passes the error on to the host, handlers of its subclasses do not.
    for kind in (SQLAlchemyError, SchedCacheError, OSError, Exception):
        app.add_exception_handler(kind, _failed)
    return app


async def _refused(request: Request, error: Any) -> HTMLResponse:
    return _excuse(_WORDS.get(error.status_code, str(error.detail)), error.status_code)


async def _invalid(request: Request, error: Any) -> HTMLResponse:
    return _excuse(f"A dag_id has 1 to {_MAX_DAG_ID} characters.", 422)


async def _failed(request: Request, error: Exception) -> HTMLResponse:
    logger.warning("the page %s could not be made", request.url.path, exc_info=error)
    return _excuse(
        f"The page could not be made: {type(error).__name__}. The log of the API server says more.", 503
    )


def _excuse(text: str, status_code: int) -> HTMLResponse:
    nonce = secrets.token_urlsafe(12)
    return _response(render("notice.html", nonce=nonce, text=text), nonce, status_code)


def _response(document: str, nonce: str, status_code: int = 200) -> HTMLResponse:
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; "
        "form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }
    return HTMLResponse(document, status_code, headers)
