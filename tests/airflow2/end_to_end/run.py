"""Run every DAG on a real installation of Airflow 2 and write down how everything ended.

``python -m tests.airflow2.end_to_end.run stock`` prints the history as JSON and the time it took;
``--expected`` writes it where the test looks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.airflow2.end_to_end.installation import DATABASES, FOLDER, installation
from tests.hosts.end_to_end.installation import Installation
from tests.hosts.end_to_end.run import Outcome, main, run_to_the_end
from tests.hosts.subject import Subject

EXPECTED = FOLDER / "expected_history.json"


def run_everything(
    subject: Subject,
    *,
    database: str = "postgresql",
    options: Mapping[str, str] | None = None,
    disturb: Callable[[Installation], None] | None = None,
) -> Outcome:
    """`run_to_the_end` of an installation of this host. options: more environment variables of every process."""
    installed = installation(subject, database=database, options=options)
    return run_to_the_end(installed, is_current="is_active", disturb=disturb)


if __name__ == "__main__":
    main(run_everything, EXPECTED, databases=list(DATABASES))
