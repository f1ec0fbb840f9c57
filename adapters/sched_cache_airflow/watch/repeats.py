"""The times at which the request for a file is repeated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sched_cache_airflow.hosts.contract import ChangedFile


class Repeats:
    """Repeats a request with the delays `after_seconds` after a change. Another change restarts the delays.

    One request is not enough. The host drops it while the file is being parsed, possibly with its earlier content. And
    it does not write a DAG that it has written less than `[core] min_serialized_dag_update_interval` ago, although it
    has parsed it. Source: Airflow 3.3.2 dag_processing/manager.py `_start_new_processes`,
    models/serialized_dag.py `write_dag`; 2.11.2 alike.
    """

    def __init__(self, after_seconds: Sequence[float]) -> None:
        self._after_seconds = sorted(after_seconds)
        self._due: dict[ChangedFile, list[float]] = {}

    def asked(self, files: Iterable[ChangedFile], now: float) -> None:
        """Notes that `files` have changed and were requested."""
        for file in files:
            self._due[file] = [now + delay for delay in self._after_seconds]

    def take_due(self, now: float) -> list[ChangedFile]:
        """The files to request again now."""
        due = [file for file, times in self._due.items() if times and times[0] <= now]
        for file in due:
            self._due[file] = [time for time in self._due[file] if time > now]
        return due

    def take_finished(self) -> list[ChangedFile]:
        """The files that need no further request, each once."""
        finished = [file for file, times in self._due.items() if not times]
        for file in finished:
            del self._due[file]
        return finished
