"""An operator's own DAGs: `--from-database URL` or `--from-files FOLDER`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import islice

from ..airflow_home import airflow_environ
from ..case import Case, Parameter
from ..operations import OperationSession
from ..replay.documents import read_documents
from ..services import HOME
from ..size import Size
from ..subject import Subject
from ..suite import Chart, Metric, Session

_N_LARGEST = 5


class ReplaySuite:
    """All of them together, and the largest one by one. Without DAGs it has no cases."""

    name = "replay"
    title = "Your own DAGs"
    reference = "airflow"
    divisor = "reference"
    needs: frozenset[str] = frozenset()
    minutes: Mapping[Size, float] = {}  # as many as there are DAGs
    metrics: Sequence[Metric] = (
        Metric("read", "from stored bytes to one field of one task, all DAGs of the case", "seconds"),
        Metric("resident_bytes", "memory of these DAGs while they are held", "bytes"),
        Metric("read_bytes", "what a scheduler reads", "bytes"),
        Metric("stored_bytes", "everything, compressed", "bytes"),
        Metric("not_understood", "DAGs that could not be read here", "DAGs"),
    )
    charts: Sequence[Chart] = (
        Chart("From stored bytes to a task", "All DAGs, then the largest.", "dots", ("read",)),
        Chart("Memory while they are held", "As tracemalloc counts it.", "dots", ("resident_bytes",)),
    )
    headline: Sequence[str] = ("read", "resident_bytes", "stored_bytes")

    def cases(self, size: Size, seed: int) -> Sequence[Case]:
        everything = list(read_documents())
        if not everything:
            return []
        n_tasks = sum(one.n_tasks for one in everything)
        budget = {Size.QUICK: 5.0, Size.STANDARD: 30.0, Size.THOROUGH: 120.0}[size]
        total: dict[str, Parameter] = {"dag": f"all_{len(everything)}", "n_tasks": n_tasks, "rank": 0}
        return [
            Case("replay", total, seed, budget),
            *(
                Case("replay", {"dag": one.name, "n_tasks": one.n_tasks, "rank": rank}, seed, budget)
                for rank, one in enumerate(islice(everything, _N_LARGEST), 1)
                if len(everything) > 1
            ),
        ]

    def environ(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Mapping[str, str]:
        return airflow_environ(services[HOME])

    def open(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Session:
        return OperationSession(subject.open(case), time.process_time)


SUITE = ReplaySuite()
