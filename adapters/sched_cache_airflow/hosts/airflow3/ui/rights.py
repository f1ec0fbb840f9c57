"""The permissions of a user by the host's own rules. The page shows nothing that the host would not show."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.models.dag import DagModel
from fastapi import Request
from starlette.exceptions import HTTPException


class Rights:
    """The permissions of one user. Each method asks the auth manager."""

    def __init__(self, user: Any) -> None:
        self._user = user

    def readable_dags(self) -> set[str]:
        """The ids of the DAGs that the user may see."""
        return set(get_auth_manager().get_authorized_dag_ids(user=self._user))

    def may_see_versions(self, dag_id: str) -> bool:
        """Whether the versions of this DAG may be seen."""
        return self._may_read(dag_id, DagAccessEntity.VERSION)

    def may_see_tasks(self, dag_id: str) -> bool:
        """Whether the tasks of this DAG, and what depends on what, may be seen."""
        return self._may_read(dag_id, DagAccessEntity.TASK)

    def may_see_jobs(self) -> bool:
        """Whether it may be seen on which hosts the processes of Airflow run."""
        return bool(get_auth_manager().is_authorized_view(access_view=AccessView.JOBS, user=self._user))

    def _may_read(self, dag_id: str, entity: DagAccessEntity) -> bool:
        details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
        return bool(
            get_auth_manager().is_authorized_dag(
                method="GET", access_entity=entity, details=details, user=self._user
            )
        )


_requires_versions = requires_access_dag("GET", DagAccessEntity.VERSION)


def requires_versions(request: Request, user: GetUserDep) -> None:
    """The host's own check of access to the versions of a DAG, also for an id that no database accepts.

    Raises:
        HTTPException: 403; or 422 for an invalid id, if the user has access to lists of DAGs and versions.
    """
    dag_id = request.query_params.get("dag_id", "")
    if "\0" not in dag_id:
        # Before 3.1.7, the host looks for the id only in the path, and without one asks about lists of any DAGs.
        path_params = {**request.path_params, **({"dag_id": dag_id} if dag_id else {})}
        _requires_versions(Request({**request.scope, "path_params": path_params}), user)
        return
    for entity in (None, DagAccessEntity.VERSION):
        if not get_auth_manager().is_authorized_dag(
            method="GET", access_entity=entity, details=DagDetails(id=None), user=user
        ):
            raise HTTPException(403)
    raise HTTPException(422, "No DAG has such an id.")
