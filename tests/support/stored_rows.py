"""Uses of rows of `SerializedDagModel` by plugins and scripts of sites."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from sqlalchemy import select

Sessions = Callable[[], AbstractContextManager[Any]]
Ask = Callable[[], Any]
Read = Callable[[Any], Any]
Change = Callable[[Any, Any], Any]


def uses(model: Any, dag_id: str, create_session: Sessions) -> Iterator[tuple[str, Ask]]:
    """The name of a use, and its function. Each use begins with a row of its own."""

    def closed_row() -> Any:
        with create_session() as session:
            return model.get(dag_id, session=session)

    def closed_rows(make: Ask, read: Read) -> Any:
        with create_session() as session:
            rows = list(session.scalars(make()))
        return [read(row) for row in rows]

    def after(change: Change, read: Read) -> Any:
        with create_session() as session:
            row = model.get(dag_id, session=session)
            found = change(session, row)
            return read(row if found is None else found)

    def in_session(take: Read) -> Any:
        with create_session() as session:
            return take(session)

    statements: dict[str, Ask] = {"select": lambda: select(model).where(model.dag_id == dag_id)}
    if hasattr(model, "latest_item_select_object"):
        statements["latest item"] = lambda: model.latest_item_select_object(dag_id)
        statements["latest by version"] = lambda: model._latest_by_version_select([dag_id])
    for name, read in _READS.items():
        yield f"get without a session, {name}", partial(_then, lambda: model.get(dag_id), read)
        yield f"closed, {name}", partial(_then, closed_row, read)
        yield f"pickled, {name}", partial(_then, lambda: pickle.loads(pickle.dumps(closed_row())), read)
        yield f"copied, {name}", partial(_then, lambda: copy.copy(closed_row()), read)
        for what, change in _CHANGES.items():
            yield f"{what}, {name}", partial(after, change, read)
        for what, make in statements.items():
            yield f"{what}, closed, {name}", partial(closed_rows, make, read)
    for what, make in statements.items():
        yield f"{what}, type", partial(in_session, partial(_type_of_rows, make))
    if hasattr(model, "get_latest_serialized_dags"):
        latest = model.get_latest_serialized_dags
        yield "latest rows, type", lambda: type(latest(dag_ids=[dag_id]))
        yield "no latest rows", lambda: latest(dag_ids=[])
        yield "latest rows", lambda: [sorted(row.dag.task_ids) for row in latest(dag_ids=[dag_id])]
        yield "latest data", lambda: [sorted(row.data) for row in latest(dag_ids=[dag_id])]
    yield "get_dag", lambda: sorted(model.get_dag(dag_id).task_ids)
    yield "get_dag of none", lambda: model.get_dag("no such DAG")
    yield "read_all_dags", lambda: {name: sorted(dag.task_ids) for name, dag in model.read_all_dags().items()}
    yield "changed document", lambda: after(_change_document, lambda row: row.dag.doc_md)
    yield "two objects", lambda: after(lambda session, row: None, lambda row: row.dag is row.dag)
    yield (
        "changed object",
        lambda: after(_change_dag, lambda row: (row.dag.doc_md, row.dag.get_task("plain").owner)),
    )
    yield "later", lambda: in_session(lambda session: model.get(dag_id, session=session).dag.doc_md)


_READS: dict[str, Read] = {
    "dag": lambda row: sorted(row.dag.task_ids),
    "data": lambda row: sorted(row.data["dag"]),
    "text": lambda row: row.dag.doc_md,
    "group": lambda row: sorted(row.dag.task_group.children),
}


def _then(make: Ask, read: Read) -> Any:
    return read(make())


def _type_of_rows(make: Ask, session: Any) -> Any:
    return type(session.scalars(make()))


def _expire_and_expunge(session: Any, row: Any) -> None:
    session.expire(row)
    session.expunge(row)


_CHANGES: dict[str, Change] = {
    "in its session": lambda session, row: None,
    "expunged": lambda session, row: session.expunge(row),
    "refreshed": lambda session, row: session.refresh(row),
    "expired": lambda session, row: session.expire(row),
    "expired and expunged": _expire_and_expunge,
    "committed": lambda session, row: session.commit(),
    "merged": lambda session, row: (session.expunge(row), session.merge(row))[1],
    "merged without loading": lambda session, row: (session.expunge(row), session.merge(row, load=False))[1],
    "rolled back": lambda session, row: session.rollback(),
}


def _change_document(session: Any, row: Any) -> None:
    row.data["dag"]["doc_md"] = "changed"
    session.expunge(row)


def _change_dag(session: Any, row: Any) -> None:
    dag = row.dag
    dag.doc_md = "changed"
    dag.get_task("plain").owner = "changed"


def answers(model: Any, dag_id: str, create_session: Sessions) -> dict[str, Any]:
    """The outcome of each use: a value, or the name of an error."""
    found: dict[str, Any] = {}
    for name, ask in uses(model, dag_id, create_session):
        try:
            found[name] = ask()
        except Exception as error:
            found[name] = type(error).__name__
    return found
