"""The page tells a user nothing that Airflow itself would not, whatever its auth manager refuses.

DAGs, versions, tasks and jobs are rights of their own: each test takes one away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pytest
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from tests.airflow3.support.stored_dags import document_of, store
from tests.hosts.metadata_db import MetadataDb
from tests.hosts.subject import PLUGIN, Subject

pytestmark = [
    pytest.mark.parametrize("subject", [PLUGIN], ids=["plugin"], indirect=True),
    # Airflow imports what warns.
    pytest.mark.filterwarnings("ignore:Using `httpx` with"),
]

DAG_IDS = ("open", "merger")
VERSION, TASK = DagAccessEntity.VERSION, DagAccessEntity.TASK


@dataclass
class Manager:
    """An auth manager that knows one user.

    dags: DAG id to what of the DAG may be read, None for the DAG itself; `*` for all DAGs there are or will be.
    asked: the ids that it was asked about.
    """

    dags: dict[str, set[DagAccessEntity | None]]
    views: set[AccessView] = field(default_factory=lambda: {AccessView.PLUGINS})
    asked: list[Any] = field(default_factory=list)

    def is_authorized_view(self, *, access_view: AccessView, user: Any) -> bool:
        return access_view in self.views

    def is_authorized_dag(
        self, *, method: str, user: Any, access_entity: DagAccessEntity | None = None, details: Any = None
    ) -> bool:
        assert method == "GET"
        self.asked.append(details.id)
        return access_entity in self.dags.get(details.id or "*", self.dags.get("*", set()))

    def get_authorized_dag_ids(self, *, user: Any) -> set[str]:
        return {dag_id for dag_id in DAG_IDS if None in self.dags.get(dag_id, self.dags.get("*", set()))}


@dataclass
class Page:
    """Our app, behind an auth manager."""

    manager: Manager

    def get(self, path: str) -> tuple[int, str]:
        """(status, body)."""
        import httpx
        from airflow.api_fastapi.core_api.security import get_user

        from sched_cache_airflow.hosts.airflow3.ui.app import make_app
        from sched_cache_airflow.hosts.installed import host_process

        async def answer() -> httpx.Response:
            app = make_app(host_process())
            app.dependency_overrides[get_user] = lambda: object()
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.get(path)

        found = asyncio.run(answer())
        return found.status_code, found.text


@pytest.fixture
def page(subject: Subject, airflow_db: MetadataDb) -> Iterator[Page]:
    from airflow.api_fastapi.core_api import security

    from sched_cache_airflow.hosts.airflow3.ui import rights
    from sched_cache_airflow.hosts.installed import runtime

    runtime().cache.store.init_db()
    documents = []
    for dag_id in DAG_IDS:
        with DAG(dag_id, schedule=None) as dag:
            EmptyOperator(task_id=f"sign_{dag_id}")
        documents.append(document_of(dag))
    store(documents)
    manager = Manager({})
    with (
        mock.patch.object(security, "get_auth_manager", lambda: manager),
        mock.patch.object(rights, "get_auth_manager", lambda: manager),
    ):
        yield Page(manager)


ALL: set[DagAccessEntity | None] = {None, VERSION, TASK}


def test_everything_for_a_user_with_every_right(page: Page) -> None:
    """Else what is missing below shows nothing."""
    page.manager.dags = {"*": ALL}
    status, body = page.get("/")
    assert status == 200
    assert all(dag_id in body for dag_id in DAG_IDS)
    status, body = page.get("/dag?dag_id=merger")
    assert status == 200
    assert "sign_merger" in body


def test_a_dag_that_may_not_be_read_is_nowhere(page: Page) -> None:
    """Neither among those that changed last nor on a page of its own, which is as if there were none."""
    page.manager.dags = {"open": ALL}
    status, body = page.get("/")
    assert status == 200
    assert "open" in body
    assert "merger" not in body
    refused, unknown = page.get("/dag?dag_id=merger"), page.get("/dag?dag_id=unheard")
    assert refused[0] == unknown[0] == 403
    assert "merger" not in refused[1]


def test_a_user_who_may_read_all_dags_but_one_is_refused_that_one(page: Page) -> None:
    """The right to lists of DAGs is none to each DAG: the host is asked about the DAG of the page."""
    page.manager.dags = {"*": ALL, "merger": set()}
    assert page.get("/dag?dag_id=open")[0] == 200
    assert page.get("/dag?dag_id=merger")[0] == 403
    assert page.manager.asked[-1] == "merger"


def test_versions_are_a_right_of_their_own(page: Page) -> None:
    """A DAG may be read whose versions may not: when it changed, and to what, is not shown."""
    page.manager.dags = {"open": ALL, "merger": {None, TASK}}
    status, body = page.get("/")
    assert status == 200
    assert "merger" not in body
    assert page.get("/dag?dag_id=merger")[0] == 403


def test_tasks_are_a_right_of_their_own(page: Page) -> None:
    """Versions may be seen, tasks and edges not."""
    page.manager.dags = {"merger": {None, VERSION}}
    status, body = page.get("/dag?dag_id=merger")
    assert status == 200
    assert "version 1" in body
    assert "sign_merger" not in body
    assert "edges" not in body


def test_patterns_of_excluded_dags_name_none(page: Page) -> None:
    """They are in the reports of the processes."""
    from sched_cache.store.sql.processes import ProcessReport
    from sched_cache_airflow.hosts.installed import runtime

    page.manager.dags = {"open": ALL}
    facts = {"component": "scheduler", "host": "node-17", "pid": 7, "is_on": True, "exclude_dags": ["merger"]}
    runtime().cache.store.processes.put(ProcessReport("k", facts))
    body = page.get("/")[1]
    assert "DAGs of 1 pattern are excluded" in body
    assert "merger" not in body
    assert "node-17" not in body
    page.manager.views.add(AccessView.JOBS)
    assert "node-17" in page.get("/")[1]


@pytest.mark.parametrize("query", ["dag_id=a%00b", "dag_id=%00", "dag_id=", "", "dag_id=" + "x" * 251])
def test_an_id_that_no_dag_has_is_no_way_around_the_rights(page: Page, query: str) -> None:
    """403 to those who may not; to those who may see every DAG an error of their own, not of the server."""
    assert page.get(f"/dag?{query}")[0] == 403
    page.manager.dags = {"open": ALL}
    assert page.get(f"/dag?{query}")[0] == 403
    page.manager.dags = {"*": ALL}
    status, body = page.get(f"/dag?{query}")
    assert status == 422
    assert "<main>" in body
    assert not any("\0" in (dag_id or "") for dag_id in page.manager.asked)


def test_an_auth_manager_that_fails_shows_nothing(page: Page) -> None:
    """The overview says so, the page of a DAG is an error."""
    page.manager.dags = {"*": ALL}
    with mock.patch.object(page.manager, "is_authorized_dag", side_effect=RuntimeError("db.internal")):
        status, body = page.get("/")
        assert status == 200
        assert "merger" not in body
        assert "db.internal" not in body
        status, body = page.get("/dag?dag_id=merger")
        assert status == 503
        assert "db.internal" not in body
