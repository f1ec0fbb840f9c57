"""Every time a host is sent its own way: counted by reason, and the first of each reason logged."""

from __future__ import annotations

import logging

from sched_cache.errors import SchedCacheError
from sched_cache.stats import Stats

logger = logging.getLogger("sched_cache.airflow")


class Fallbacks:
    """Counts fallbacks into `stats.fallbacks`. The log has one line a reason and process, not one a loop."""

    def __init__(self, stats: Stats) -> None:
        self._counts = stats.fallbacks

    def note(self, reason: str, error: BaseException | None = None) -> None:
        """The host's own path is taken because of `reason`.

        The log has the traceback of an error that is a bug of ours. An error of a class of ours says what is wrong by
        itself, and one of the host's says what is wrong with a DAG: the host logs that with a traceback of its own.
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
