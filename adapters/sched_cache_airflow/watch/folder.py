"""One folder of DAG files, and which of them have another content than they had."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from hashlib import blake2b
from pathlib import Path
from typing import TypeAlias

from sched_cache_airflow.hosts.contract import ChangedFile

Listing: TypeAlias = Callable[[str], Iterable[str]]
"""A folder -> the paths in it that may be DAG files, ignored ones left out; nothing if it is not there."""
_Signature: TypeAlias = tuple[int, int, int]


class Folder:
    """The DAG files below `root`, or below its subfolder `below`.

    A file counts as changed when its bytes are others: a `git-sync` that swaps a symlink gives every file a new
    inode and time, and changes few. Only files whose inode, size or time is another one are read.
    """

    def __init__(self, bundle: str | None, root: str, below: str, listing: Listing) -> None:
        self.bundle = bundle
        self.root = root
        self.below = below
        self._listing = listing
        self._signatures: dict[str, _Signature] = {}
        self.digests: dict[str, str] = {}
        """Path in `root` -> what it held when it was last looked at."""

    @property
    def path(self) -> str:
        """Where it is, symlinks not resolved: what is watched."""
        return os.path.join(self.root, self.below) if self.below else self.root

    @property
    def identity(self) -> tuple[str, int, int] | None:
        """Where the files really are; another one after a symlink was swapped or the folder replaced, None if gone."""
        real_path = os.path.realpath(self.path)
        try:
            status = os.stat(real_path)
        except OSError:
            return None
        return real_path, status.st_dev, status.st_ino

    def scan(self) -> list[ChangedFile]:
        """The files that are new or changed since the last scan. One look at every file, a read of those.

        While the folder is not there nothing is forgotten. A file that cannot be read is looked at again.
        """
        if not os.path.isdir(self.path):
            return []
        changed = []
        present = set()
        # Of the root, where patterns of ignored files may stand.
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
                continue  # it was replaced just now, or may not be read
            # Of before the read: if the file was written meanwhile, the next scan reads it again.
            self._signatures[relative] = signature
            if self.digests.get(relative) != digest:
                self.digests[relative] = digest
                changed.append(ChangedFile(self.bundle, self.root, relative))
        for relative in self.digests.keys() - present:
            del self.digests[relative]
            self._signatures.pop(relative, None)
        return changed
