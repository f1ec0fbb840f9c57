"""Stock Airflow 3.3, the reference of every figure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..case import Case
from ..documents import deflated, document_case
from ..lookup.held_dags import memory_of_bag
from ..lookup.stock import stock_work
from ..replay.works import stock_replay
from ..sdk_dag import build_dag
from ..shapes import make_shape
from ..subject import Operation, Work

_MAX_BUILT_TASKS = 10_000  # building a larger DAG with the SDK takes minutes, and is not measured


@dataclass(frozen=True, slots=True)
class StockAirflow:
    """The installed Airflow, without any code of ours."""

    name: str = "airflow"
    title: str = "Airflow 3.3, stock"
    about: str = "as it is installed, nothing of sched_cache loaded: what everything else is compared with"
    suites: frozenset[str] = frozenset(
        {"format", "lookup", "loop", "memory", "restart", "churn", "nodes", "latency", "replay", "live"}
    )
    requires: tuple[str, ...] = ("apache-airflow-core==3.3",)
    needs: frozenset[str] = frozenset()
    is_product: bool = False
    is_quick: bool = True
    options: Mapping[str, str] = field(default_factory=dict)

    def environ(self, case: Case, services: Mapping[str, str]) -> Mapping[str, str]:
        # Off in case the plugin is installed with Airflow.
        return {"AIRFLOW__SCHED_CACHE__ENABLED": "False", **self.options}

    def open(self, case: Case) -> Work:
        openers = {"format": _codec, "lookup": stock_work, "memory": memory_of_bag, "replay": stock_replay}
        return openers[case.suite](case) if case.suite in openers else Work()


def _codec(case: Case) -> Work:
    from airflow.serialization.serialized_objects import DagSerialization

    given = document_case(case)

    def read_task() -> object:
        dag = DagSerialization.from_dict(json.loads(given.text))
        _ = dag.get_task(given.wanted).retries
        return dag

    def use_every_task() -> object:
        dag = DagSerialization.from_dict(json.loads(given.text))
        for task_id in given.task_ids:
            _ = dag.get_task(task_id).retries
        return dag

    timed: dict[str, Operation] = {"read_task": read_task, "json_loads": lambda: json.loads(given.text)}
    if given.n_tasks <= _MAX_BUILT_TASKS:
        dag = build_dag(make_shape(str(case.parameters["shape"]), given.n_tasks, seed=case.seed))
        timed["encode"] = lambda: DagSerialization.to_dict(dag)

    return Work(
        timed=timed,
        retained={"resident_bytes": read_task, "resident_used_bytes": use_every_task},
        figures={
            "hot_bytes": len(given.text),
            "hot_bytes_per_task": len(given.text) / given.n_tasks,
            "document_bytes": len(given.text),
            "stored_bytes": len(deflated(given.text.encode())),  # [core] compress_serialized_dags
        },
    )


SUBJECTS = (
    StockAirflow(),
    StockAirflow(
        name="airflow_tuned",
        title="Airflow 3.3, stock, tuned",
        about="without any code of ours, with the options by which operators make a scheduler quick: it sleeps 50 ms "
        "when it is idle, and hands over as many tasks in a loop as there are slots",
        suites=frozenset({"live"}),
        is_quick=False,
        options={
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.05",
            "AIRFLOW__SCHEDULER__MAX_TIS_PER_QUERY": "0",
        },
    ),
)
