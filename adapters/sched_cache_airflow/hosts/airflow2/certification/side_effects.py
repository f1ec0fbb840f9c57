"""The effects of a loop outside of its tables: callbacks, metrics, listener calls, log lines of runs, traces."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.listeners import hookimpl
from airflow.listeners.listener import get_listener_manager
from airflow.metrics.base_stats_logger import NoStatsLogger
from airflow.stats import Stats

from sched_cache_airflow.certification.swapped import swapped

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


class _Metrics:
    """A logger of metrics that remembers."""

    def __init__(self, seen: list[Any]) -> None:
        self._seen = seen

    def __getattr__(self, kind: str) -> Any:
        stock = getattr(NoStatsLogger, kind)

        def record(name: Any = None, *arguments: Any, **options: Any) -> Any:
            if str(name).startswith(_METRICS):
                self._seen.append((kind, name, sorted((options.get("tags") or {}).items())))
            return stock(name, *arguments, **options)

        return record


@contextmanager
def _traced(seen: list[Any]) -> Iterator[None]:
    """A block in which the host traces its loops, as it does where it sends traces. Before 2.10 it does not."""
    try:
        from airflow.traces.tracer import EMPTY_SPAN, EmptySpan, EmptyTrace, Trace
    except ImportError:
        yield
        return

    class Span(EmptySpan):
        def is_recording(self) -> bool:
            return True

        def add_event(self, name: str, attributes: Any = None, timestamp: Any = None) -> None:
            # The other attributes are durations.
            seen.append(("span", name, (attributes or {}).get("schedulable_tis")))

    span, tracer = Span(), EmptyTrace()
    tracer.start_span = lambda *_, **options: span
    # The host cannot trace the end of a run that has never started.
    tracer.start_span_from_dagrun = lambda dagrun, *_, **options: span if dagrun.start_date else EMPTY_SPAN
    with swapped(Trace, "instance", tracer):
        yield


@contextmanager
def side_effects() -> Iterator[list[Any]]:
    """The list fills up while the block runs; in the order of events, timestamps and durations left out."""
    seen: list[Any] = []
    listener, lines, logger = _Listener(seen), _Lines(seen), logging.getLogger(_LOGGER)
    manager = get_listener_manager()
    manager.add_listener(listener)
    level = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    try:
        with swapped(Stats, "instance", _Metrics(seen)), _traced(seen):
            yield seen
    finally:
        logger.setLevel(level)
        logger.removeHandler(lines)
        manager.pm.unregister(listener)


def described(callback: Any) -> tuple[Any, ...]:
    """A callback request without what differs between two loops that decide alike."""
    names = ("dag_id", "run_id", "is_failure_callback", "msg", "full_filepath")
    return (type(callback).__name__, *(getattr(callback, name, None) for name in names))
