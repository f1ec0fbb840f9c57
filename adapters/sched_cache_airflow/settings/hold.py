"""The hold, which keeps all DAGs of this process on the host's own path for a time."""

from __future__ import annotations


class Hold:
    """reason: in words; empty while there is no hold. It is replaced as a whole, and read without a lock."""

    def __init__(self) -> None:
        self.reason = ""


hold = Hold()
"""The hold of this process. A forked child starts with that of its parent."""
