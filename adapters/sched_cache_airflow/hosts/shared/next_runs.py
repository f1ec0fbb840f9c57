"""The dates of a DAG's next run, which schedulers write when a run ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from airflow.utils.state import State
from sqlalchemy.orm import Session

Method = Callable[..., Any]

_OF_NEXT_RUN: Final = (
    "next_dagrun",
    "next_dagrun_data_interval_start",
    "next_dagrun_data_interval_end",
    "next_dagrun_create_after",
)


class HeldRows(Protocol):
    """The rows of DAGs that were read for a whole loop."""

    dag_models: Sequence[Any]

    def read_again(self, dag_model: Any, names: Sequence[str], session: Session) -> None:
        """Updates these columns from the row in the database."""


def should_update_dag_next_dagruns(stock: Method, rows_of: Callable[[Session], HeldRows | None]) -> Method:
    """`SchedulerJobRunner._should_update_dag_next_dagruns`: what follows writes dates that differ from what was read.

    The row was read for the whole loop, and another scheduler may have written them since. Therefore it is read again
    when a run ends.
    """

    def _should_update_dag_next_dagruns(
        self: Any, dag: Any, dag_model: Any, *, session: Session, last_dag_run: Any = None, **options: Any
    ) -> Any:
        held = rows_of(session)
        has_ended = last_dag_run is not None and last_dag_run.state in State.finished_dr_states
        is_held = held is not None and dag_model in held.dag_models
        if held is not None and has_ended and is_held and dag_model not in session.dirty:
            held.read_again(dag_model, _OF_NEXT_RUN, session)
        return stock(self, dag, dag_model, session=session, last_dag_run=last_dag_run, **options)

    return _should_update_dag_next_dagruns
