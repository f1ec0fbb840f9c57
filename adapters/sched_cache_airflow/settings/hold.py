"""Whether all DAGs of this process stay on the host's own path for now."""

from __future__ import annotations


class Hold:
    """reason: in words; empty while nothing is held back. Replaced as a whole, read without a lock."""

    def __init__(self) -> None:
        self.reason = ""


hold = Hold()
"""The one of this process; a forked child begins with what its parent had."""
