"""Several schedulers on one database: their total throughput, and the load of the servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict

from ..case import Case, Parameter
from ..loop.child import Child
from ..loop.database_of_subject import SubjectDatabase, run_environ
from ..services import DATABASE, REDIS, redis_client
from ..size import Size
from ..subject import Subject
from ..suite import Chart, Metric, Round, Session

_SECONDS = 4.0
_FEW_NODES_SECONDS = 1.5


class NodesSession:
    """Starts new processes in each round, so that each of them has to load its DAGs."""

    def __init__(self, case: Case, subject: Subject, services: Mapping[str, str]) -> None:
        self._case, self._subject = case, subject
        self._database = SubjectDatabase(case, subject, services)
        self._redis = redis_client(services)
        self._n_nodes = int(case.parameters["n_nodes"])
        self._seconds = _SECONDS if self._n_nodes > 2 else _FEW_NODES_SECONDS
        self._encoded_first = 0.0

    def warm_up(self) -> None:
        """The first nodes that ever come by these DAGs have to encode them; that is told, and no part of a round."""
        if (
            self._case.max_rounds > 1
        ):  # other runs cannot be expected to agree with the figure of a single round
            self._encoded_first = self._run(2 * self._seconds).get("documents_encoded", 0.0)

    def round(self) -> Sequence[Round]:
        return [Round(self._run(self._seconds))]

    def _run(self, seconds: float) -> dict[str, float]:
        self._database.restore("steady")
        with ExitStack() as stack:
            nodes = [stack.enter_context(Child("loop.node")) for _ in range(self._n_nodes)]
            for node in nodes:
                node.send({"case": asdict(self._case), "subject": self._subject.name})
            for node in nodes:
                node.receive()
            n_commands = self._redis_commands()
            for node in nodes:
                node.send(seconds)
            found = [node.receive() for node in nodes]
            n_commands = max(0, self._redis_commands() - n_commands - 1)
        return _samples(found, n_commands)

    def figures(self) -> Mapping[str, float]:
        return {"documents_encoded_first": self._encoded_first}

    def close(self) -> None:
        if self._redis:
            self._redis.close()

    def _redis_commands(self) -> int:
        """The number of commands that Redis has processed, including this one."""
        return int(self._redis.info("stats")["total_commands_processed"]) if self._redis else 0


def _samples(found: Sequence[Mapping[str, float]], n_commands: int) -> dict[str, float]:
    seconds = max(node["seconds"] for node in found)
    n_runs = sum(node["n_runs"] for node in found)
    return {
        "runs_per_second": n_runs / seconds,
        "seconds_per_run": seconds / max(1, n_runs),
        "queries_per_run": sum(node["n_queries"] for node in found) / max(1, n_runs),
        "redis_per_second": n_commands / seconds,
        **(
            {"documents_encoded": sum(node["documents_encoded"] for node in found)}
            if all("documents_encoded" in node for node in found)
            else {}
        ),
    }


class NodesSuite:
    """The runs stand still, so every examination of a run is equal work in any process."""

    name = "nodes"
    title = "Several schedulers on one database"
    reference = "airflow"
    divisor = "reference"
    needs = frozenset({DATABASE, REDIS})
    minutes: Mapping[Size, float] = {Size.QUICK: 0.15, Size.STANDARD: 2.2}
    metrics: Sequence[Metric] = (
        Metric("runs_per_second", "runs examined by all nodes together", "per second"),
        Metric("seconds_per_run", "time per run examined", "seconds", "SchedulerJobRunner._do_scheduling"),
        Metric("queries_per_run", "queries to the metadata database per run examined", "queries"),
        Metric("redis_per_second", "commands that Redis has processed", "per second"),
        Metric("documents_encoded", "documents encoded by all nodes together", "times"),
        Metric(
            "documents_encoded_first",
            "the same when no process had encoded any, or another case had",
            "times",
        ),
    )
    charts: Sequence[Chart] = (
        Chart(
            "Runs examined by all nodes together",
            "More is better. Once there are more nodes than cores here, they share the cores: what is left to "
            "see is whether they get into each other's way.",
            "lines",
            ("runs_per_second",),
            x="n_nodes",
        ),
        Chart(
            "Queries per run examined",
            "What one more node costs the database.",
            "lines",
            ("queries_per_run",),
            x="n_nodes",
        ),
    )
    headline: Sequence[str] = ("seconds_per_run", "queries_per_run")

    def cases(self, size: Size, seed: int) -> Sequence[Case]:
        def case(n_nodes: int, n_dags: int, n_tasks: int, n_rounds: int, *subjects: str) -> Case:
            parameters: dict[str, Parameter] = {
                "n_nodes": n_nodes,
                "shape": "layers",
                "n_dags": n_dags,
                "n_tasks": n_tasks,
                "finished_percent": 50,
            }
            return Case("nodes", parameters, seed, 0.0, n_rounds, n_rounds, 1, subjects)

        if size is Size.QUICK:  # on SQLite a second scheduler would wait for the first one's write lock
            return [case(1, 5, 50, 1)]
        if size is Size.STANDARD:
            return [case(n, 80, 50, 3, "airflow", "plugin") for n in (1, 4)]
        return [
            *(case(n, 80, 50, 3) for n in (1, 2, 4, 8)),
            *(case(n, 80, 100, 3) for n in (1, 2, 4, 8)),
        ]

    def environ(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Mapping[str, str]:
        return run_environ(subject, services)

    def open(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Session:
        return NodesSession(case, subject, services)


SUITE = NodesSuite()
