"""The observations of each worker, as JSON lines in a file of its own. Times are from the machine's monotonic clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any


class Journal:
    """Appends one line at a time, so that a killed worker leaves at most one that is torn."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def write(self, what: str, **facts: Any) -> None:
        """Notes `what` happened, now."""
        self._file.write(json.dumps({"what": what, "at": monotonic(), **facts}) + "\n")


def read_journals(folder: Path) -> Iterator[dict[str, Any]]:
    """Every whole line of every journal."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue  # torn by SIGKILL
