"""Teams, to which bundles of DAGs belong since 3.2. A loop looks for them if the option `[core] multi_team` is set."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

_NAME = "a team"

try:
    from airflow.models.team import Team, dag_bundle_team_association_table
except ImportError:  # before 3.2
    Team = None


def add_team(bundle_name: str, session: Session) -> None:
    """Has the bundle belong to a team, on a host that knows teams."""
    if Team is None or has_teams(session):
        return
    table: Any = dag_bundle_team_association_table
    session.execute(insert(Team.__table__).values(name=_NAME))
    session.execute(insert(table).values(dag_bundle_name=bundle_name, team_name=_NAME))


def has_teams(session: Session) -> bool:
    """Whether there is one."""
    return Team is not None and session.scalar(select(Team.name).limit(1)) is not None
