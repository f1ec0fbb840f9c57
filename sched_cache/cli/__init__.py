"""The command `sched-cache`."""

from sched_cache.cli.entry import main

__all__ = ["main"]
