"""Random DAGs with what examples rarely have together: groups, mapping, setups, sensors, links, dates, limits."""

from __future__ import annotations

import datetime
import json
import random
import warnings
from typing import Any

from airflow.models.dag import DAG
from airflow.models.param import Param
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.sensors.filesystem import FileSensor
from airflow.serialization.serialized_objects import SerializedDAG
from airflow.utils.task_group import TaskGroup
from airflow.utils.trigger_rule import TriggerRule

N_DAGS = 12
_START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
_RULES = [
    rule for rule in TriggerRule if rule not in ("dummy", "none_failed_or_skipped", "all_done_setup_success")
]


def generated_documents() -> dict[str, Any]:
    """Name to document, the same every time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {f"generated_{seed}": json.loads(json.dumps(_document(seed))) for seed in range(N_DAGS)}


def _document(seed: int) -> Any:
    choice = random.Random(seed)
    with DAG(
        f"generated_{seed}",
        schedule=choice.choice(["@daily", None, "0 3 * * 1-5", datetime.timedelta(hours=5), "@once"]),
        start_date=_START,
        end_date=choice.choice([None, _START + datetime.timedelta(days=900)]),
        catchup=choice.random() < 0.5,
        tags=["a", "b"][: choice.randrange(3)],
        params={"p": Param(choice.randrange(9), type="integer", description="one")} if seed % 2 else None,
        default_args={"owner": "somebody", "retries": choice.randrange(3)} if seed % 3 else {},
        max_active_runs=choice.choice([1, 16]),
        dagrun_timeout=choice.choice([None, datetime.timedelta(hours=1)]),
        doc_md="# about" if seed % 4 == 0 else None,
        fail_stop=False,
    ) as dag:
        tasks: list[Any] = []
        groups: list[Any] = [None]
        for number in range(choice.randrange(4, 14)):
            if choice.random() < 0.2:
                with _inside(choice.choice(groups)):
                    groups.append(
                        TaskGroup(f"group_{number}", tooltip="some", prefix_group_id=bool(seed % 5))
                    )
            with _inside(choice.choice(groups)):
                task = _task(choice, number)
            if not groups[-1] or number:
                for other in choice.sample(tasks, min(len(tasks), choice.randrange(3))):
                    other >> task
            tasks.append(task)
        if seed % 2:
            first, last = EmptyOperator(task_id="make").as_setup(), EmptyOperator(task_id="remove")
            first >> tasks[-1] >> last.as_teardown(setups=first, on_failure_fail_dagrun=seed % 3 == 0)
    return SerializedDAG.to_dict(dag)


def _task(choice: random.Random, number: int) -> Any:
    kind = choice.randrange(6)
    name = f"task_{number}"
    if kind == 0:
        return BashOperator.partial(task_id=name, retries=2, pool="other").expand(bash_command=["a", "b"])
    if kind == 1:
        return FileSensor(task_id=name, filepath="/none", mode=choice.choice(["poke", "reschedule"]))
    if kind == 2:
        return EmptyOperator(task_id=name, trigger_rule=choice.choice(_RULES), doc_md="words")
    return BashOperator(
        task_id=name,
        bash_command="echo {{ ds }}",
        env={"A": "1"} if choice.random() < 0.3 else None,
        trigger_rule=choice.choice(_RULES),
        pool_slots=choice.randrange(1, 3),
        priority_weight=choice.randrange(1, 9),
        weight_rule=choice.choice(["downstream", "upstream", "absolute"]),
        retry_delay=datetime.timedelta(seconds=choice.randrange(1, 400)),
        retry_exponential_backoff=choice.random() < 0.5,
        sla=choice.choice([None, datetime.timedelta(hours=2)]),
        execution_timeout=choice.choice([None, datetime.timedelta(minutes=5)]),
        start_date=choice.choice([None, _START + datetime.timedelta(days=3)]),
        email=choice.choice([None, "a@example.org", ["a@example.org", "b@example.org"]]),
        executor_config=choice.choice([None, {"a": {"b": (1, 2)}}]),
        depends_on_past=choice.random() < 0.3,
        max_active_tis_per_dag=choice.choice([None, 3]),
        params={"q": choice.randrange(5)} if choice.random() < 0.2 else None,
        resources={"cpus": 2} if choice.random() < 0.2 else None,
        run_as_user=choice.choice([None, "nobody"]),
        on_failure_callback=print if choice.random() < 0.3 else None,
    )


class _inside:
    """A task group as a context, or none."""

    def __init__(self, group: Any) -> None:
        self._group = group

    def __enter__(self) -> None:
        if self._group is not None:
            self._group.__enter__()

    def __exit__(self, *error: Any) -> None:
        if self._group is not None:
            self._group.__exit__(*error)
