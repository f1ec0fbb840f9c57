"""Edits of every DAG while its runs are under way, which change its content and none of its tasks."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

_GENERATION = "GENERATION = 0\n"
_EVERY_SECONDS = 2.0


class Editor:
    """A thread that writes the file anew during the block. n_edits: how often it has done so."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = path.read_text()
        assert self._text.count(_GENERATION) == 1
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="editor")
        self.n_edits = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        for generation in itertools.count(1):
            if self._is_over.wait(_EVERY_SECONDS):
                return
            unfinished = self._path.with_suffix(".unfinished")
            unfinished.write_text(self._text.replace(_GENERATION, f"GENERATION = {generation}\n"))
            unfinished.replace(self._path)
            self.n_edits = generation
