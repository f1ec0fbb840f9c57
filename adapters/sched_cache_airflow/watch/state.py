"""The state file with all requests so far, by which the next watcher finds changes while no watcher was running."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from sched_cache.cli.files import write_file

_VERSION = 1


class StateFile:
    """Folder -> path -> digest of the last request that needs no repetition. Without a path, nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> dict[str, dict[str, str]] | None:
        """The state that was written last; None without a file, or if the file cannot be understood."""
        if self._path is None:
            return None
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            folders = found["folders"] if found["version"] == _VERSION else None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return folders if _is_regular(folders) else None

    def write(self, folders: Mapping[str, Mapping[str, str]]) -> None:
        """Replaces the file in one step.

        Raises:
            UsageError: it cannot be written.
        """
        if self._path is not None:
            write_file(str(self._path), json.dumps({"version": _VERSION, "folders": folders}).encode())


def _is_regular(folders: object) -> bool:
    return isinstance(folders, dict) and all(
        isinstance(digests, dict) and all(isinstance(digest, str) for digest in digests.values())
        for digests in folders.values()
    )
