"""Finds changed DAG files, and asks the host to parse them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from sched_cache.clock import Clock
from sched_cache_airflow.hosts.contract import ChangedFile
from sched_cache_airflow.watch.folder import Folder
from sched_cache_airflow.watch.installed_airflow import AskFailedError
from sched_cache_airflow.watch.repeats import Repeats
from sched_cache_airflow.watch.state import StateFile

_NAMED_AT_MOST = 5
_RETRY_SECONDS = 1.0


class Asked(Protocol):
    """The part of the host that a watcher uses."""

    def ask(self, files: Sequence[ChangedFile]) -> None: ...

    def may_have_dags(self, path: str) -> bool: ...


class Watcher:
    """The work of `sched-cache watch` in each round. For one thread.

    The state file lists a file only after the last repetition of its request, so if a watcher ends earlier, the next
    one repeats the request.
    """

    def __init__(
        self,
        folders: Sequence[Folder],
        host: Asked,
        state: StateFile,
        *,
        repeat_after_seconds: Sequence[float],
        clock: Clock,
        report: Callable[[str], None],
    ) -> None:
        self._folders = folders
        self._host = host
        self._state = state
        self._repeats = Repeats(repeat_after_seconds)
        self._clock = clock
        self._report = report
        self._changed: dict[ChangedFile, None] = {}
        self._settled: dict[str, dict[str, str]] = {}
        self._is_failing = False
        self._retry_at = float("-inf")
        self._is_saved = False

    def start(self) -> None:
        """Checks every file, and requests those that changed since the state was written; none without a state file."""
        settled = self._state.read()
        n_known = 0
        for folder in self._folders:
            known = (settled or {}).get(folder.path)
            folder.digests.update(known or {})
            changed = folder.scan()
            n_known += len(folder.digests)
            if known is None:
                self._settled[folder.path] = dict(folder.digests)
                continue
            self._settled[folder.path] = {
                relative: digest for relative, digest in known.items() if relative in folder.digests
            }
            self._note(changed)
        since = "" if settled is None else f", {len(self._changed):,} changed since the last time"
        self._report(f"{n_known:,} DAG files{since}")
        self._ask_for_changed()

    def look(self) -> None:
        """Scans all folders, and requests the changed files."""
        for folder in self._folders:
            self._note(folder.scan())
        self._ask_for_changed()

    def tick(self) -> None:
        """Repeats requests that are due or have failed. Cheap if there are none."""
        now = self._clock.monotonic()
        if self._changed and now >= self._retry_at:
            self._ask_for_changed()
        due = self._repeats.take_due(now)
        if due and not self._ask(due):
            for file in due:  # one more repetition
                self._changed[file] = None
        for file in self._repeats.take_finished():
            if file not in self._changed:
                self._settle(file)
        self._save()

    @property
    def is_done(self) -> bool:
        """Whether all changes found so far were requested."""
        return not self._changed

    def _note(self, changed: Sequence[ChangedFile]) -> None:
        for file in changed:
            if self._host.may_have_dags(file.path):
                self._changed[file] = None
            else:
                self._settle(file)

    def _ask_for_changed(self) -> None:
        files = list(self._changed)
        if files and self._ask(files):
            self._changed.clear()
            self._repeats.asked(files, self._clock.monotonic())
            names = ", ".join(file.relative for file in files[:_NAMED_AT_MOST])
            more = f" and {len(files) - _NAMED_AT_MOST:,} more" if len(files) > _NAMED_AT_MOST else ""
            self._report(f"asked for {names}{more}")

    def _ask(self, files: Sequence[ChangedFile]) -> bool:
        try:
            self._host.ask(files)
        except AskFailedError as error:
            if not self._is_failing:
                self._report(f"the metadata database did not answer, trying again: {error}")
            self._is_failing = True
            self._retry_at = self._clock.monotonic() + _RETRY_SECONDS
            return False
        if self._is_failing:
            self._report("the metadata database answers again")
        self._is_failing = False
        return True

    def _settle(self, file: ChangedFile) -> None:
        for folder in self._folders:
            digest = folder.digests.get(file.relative)
            if (folder.bundle, folder.root) == (file.bundle, file.root) and digest is not None:
                self._settled[folder.path][file.relative] = digest
                self._is_saved = False

    def _save(self) -> None:
        if not self._is_saved:
            self._state.write(self._settled)
            self._is_saved = True
