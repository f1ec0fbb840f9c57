"""One folder of DAG files, and the changes of their contents."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from hashlib import blake2b
from pathlib import Path
from typing import TypeAlias

from sched_cache_airflow.hosts.contract import ChangedFile

Listing: TypeAlias = Callable[[str], Iterable[str]]
"""Folder -> the paths in it that may be DAG files, without ignored ones; none if the folder is missing."""
_Signature: TypeAlias = tuple[int, int, int]


class Folder:
    """The DAG files below `root`, or below its subfolder `below`.

    A file counts as changed if its bytes differ: a `git-sync` that swaps a symlink gives every file a new inode and
    time, but changes only few. Only files with a different inode, size or time are read.
    """

    def __init__(self, bundle: str | None, root: str, below: str, listing: Listing) -> None:
        self.bundle = bundle
        self.root = root
        self.below = below
        self._listing = listing
        self._signatures: dict[str, _Signature] = {}
        self.digests: dict[str, str] = {}
        """Path in `root` -> digest of the file at the last scan."""

    @property
    def path(self) -> str:
        """The watched path, without resolving symlinks."""
        return os.path.join(self.root, self.below) if self.below else self.root

    @property
    def identity(self) -> tuple[str, int, int] | None:
        """The resolved folder, which changes if a symlink is swapped or the folder is replaced; None if missing."""
        real_path = os.path.realpath(self.path)
        try:
            status = os.stat(real_path)
        except OSError:
            return None
        return real_path, status.st_dev, status.st_ino

    def scan(self) -> list[ChangedFile]:
        """The files that are new or changed since the last scan. Checks every file, and reads those that may differ.

        A missing folder does not change the state. A file that cannot be read is checked again by the next scan.
        """
        if not os.path.isdir(self.path):
            return []
        changed = []
        present = set()
        # Lists from the root, which may have the file with the patterns of ignored files.
        for path in self._listing(self.root):
            relative = os.path.relpath(path, self.root)
            if self.below and not relative.startswith(self.below + os.sep):
                continue
            present.add(relative)
            try:
                status = os.stat(path)
                signature = (status.st_ino, status.st_size, status.st_mtime_ns)
                if self._signatures.get(relative) == signature:
                    continue
                digest = blake2b(Path(path).read_bytes(), digest_size=16).hexdigest()
            except OSError:
                continue  # it was replaced just now, or must not be read
            # The values from before the read, so that the next scan reads a file again that was written meanwhile.
            self._signatures[relative] = signature
            if self.digests.get(relative) != digest:
                self.digests[relative] = digest
                changed.append(ChangedFile(self.bundle, self.root, relative))
        for relative in self.digests.keys() - present:
            del self.digests[relative]
            self._signatures.pop(relative, None)
        return changed
