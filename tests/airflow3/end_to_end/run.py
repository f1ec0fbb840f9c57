"""Run every DAG on a real installation of Airflow 3 and write down how everything ended.

``python -m tests.airflow3.end_to_end.run stock`` prints the history as JSON and the time it took;
``--expected`` writes it where the test looks for it: in a file of its own for a minor release that ends differently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sched_cache_airflow.releases import host_version
from tests.airflow3.end_to_end.installation import installation
from tests.hosts.end_to_end.installation import Installation
from tests.hosts.end_to_end.run import DAGS, Outcome, main, run_to_the_end
from tests.hosts.subject import Subject

# Before 3.3, a run that another DAG starts is a manual one. On 3.1, tasks after a timeout of their run keep no state.
_HAVE_THEIR_OWN = ("3.1", "3.2")


def _expected() -> Path:
    minor = ".".join((host_version() or "").split(".")[:2])
    return (
        Path(__file__).parent / f"expected_history{f'_of_{minor}' if minor in _HAVE_THEIR_OWN else ''}.json"
    )


EXPECTED = _expected()


def run_everything(
    subject: Subject,
    *,
    options: Mapping[str, str] | None = None,
    disturb: Callable[[Installation], None] | None = None,
) -> Outcome:
    """`run_to_the_end` of an installation of this host. options: more environment variables of every process."""
    return run_to_the_end(installation(subject, dags=DAGS, options=options), disturb=disturb)


if __name__ == "__main__":
    main(run_everything, EXPECTED)
