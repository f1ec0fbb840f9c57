"""Counts fallbacks to the host's own path by reason, and logs the first one of each reason."""

from __future__ import annotations

import logging

from sched_cache.errors import SchedCacheError
from sched_cache.stats import Stats

logger = logging.getLogger("sched_cache.airflow")


class Fallbacks:
    """Counts fallbacks in `stats.fallbacks`. The log has one line per reason and process, not one per loop."""

    def __init__(self, stats: Stats) -> None:
        self._counts = stats.fallbacks

    def note(self, reason: str, error: BaseException | None = None) -> None:
        """Notes that the host's own path is taken because of `reason`.

        The log has a traceback only if the error is a bug of ours. The text of a `SchedCacheError` is sufficient, and
        an error of the host's concerns a DAG and is logged by the host, with a traceback.
        """
        count = self._counts.get(reason, 0)
        self._counts[reason] = count + 1
        if not count:
            logger.warning(
                "falling back to Airflow's own path: %s%s (logged once; counted from now on)",
                reason,
                f" ({type(error).__name__}: {error})" if error is not None else "",
                exc_info=None if _says_all(error) else error,
            )


def _says_all(error: BaseException | None) -> bool:
    return isinstance(error, SchedCacheError) or type(error).__module__.partition(".")[0] == "airflow"
