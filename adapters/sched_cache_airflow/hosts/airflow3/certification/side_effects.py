"""The effects of a loop outside of its tables: callbacks, metrics, listener calls, log lines of runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from airflow.listeners import hookimpl
from airflow.listeners.listener import get_listener_manager

from sched_cache_airflow.certification.swapped import swapped
from sched_cache_airflow.hosts.airflow3.compat import STATS

_METRICS = ("dagrun.", "dag.", "ti.", "task")
_LOGGER = "airflow.models.dagrun.DagRun"


class _Listener:
    def __init__(self, seen: list[Any]) -> None:
        self._seen = seen

    @hookimpl  # type: ignore[untyped-decorator]  # of the host
    def on_dag_run_success(self, dag_run: Any, msg: str) -> None:
        self._seen.append(("listener", "success", dag_run.dag_id, dag_run.run_id, msg))

    @hookimpl  # type: ignore[untyped-decorator]  # of the host
    def on_dag_run_failed(self, dag_run: Any, msg: str) -> None:
        self._seen.append(("listener", "failed", dag_run.dag_id, dag_run.run_id, msg))


class _Lines(logging.Handler):
    def __init__(self, seen: list[Any]) -> None:
        super().__init__(logging.INFO)
        self._seen = seen

    def emit(self, record: logging.LogRecord) -> None:
        # Arguments hold dates and ids that no two loops share.
        self._seen.append(("log", record.levelname, record.msg))


@contextmanager
def side_effects() -> Iterator[list[Any]]:
    """The list fills up while the block runs; in the order of events, timestamps and durations left out."""
    seen: list[Any] = []

    def recording(kind: str) -> Any:
        stock = getattr(STATS, kind)

        def record(name: str, *arguments: Any, **options: Any) -> Any:
            if name.startswith(_METRICS):
                seen.append((kind, name, sorted((options.get("tags") or {}).items())))
            return stock(name, *arguments, **options)

        return record

    listener, lines, logger = _Listener(seen), _Lines(seen), logging.getLogger(_LOGGER)
    manager = get_listener_manager()
    manager.add_listener(listener)
    level = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    try:
        with ExitStack() as stack:
            for kind in ("incr", "timing", "timer"):
                stack.enter_context(swapped(STATS, kind, recording(kind)))
            yield seen
    finally:
        logger.setLevel(level)
        logger.removeHandler(lines)
        manager.pm.unregister(listener)


def described(callback: Any) -> tuple[Any, ...]:
    """A callback request without what differs between two loops that decide alike."""
    context = callback.context_from_server
    ti = context.last_ti if context is not None else None
    return (
        type(callback).__name__,
        callback.dag_id,
        callback.run_id,
        callback.is_failure_callback,
        callback.msg,
        None if ti is None else (ti.task_id, ti.map_index, ti.try_number),
        None if context is None or context.dag_run is None else str(context.dag_run.state),
    )
