"""The answers of the real `SimpleDag`, `SimpleDagBag` and `SimpleTaskInstance` of Airflow 1.10, as one line of JSON.

Run by the Python 3.8 of the host's own environment, so it imports nothing of this project.
"""

import inspect
import json
import os
import pickle
import tempfile
import warnings
from datetime import datetime, timezone

warnings.simplefilter("ignore")
_HOME = tempfile.TemporaryDirectory(prefix="sched-cache-airflow1-")
os.environ["AIRFLOW_HOME"] = _HOME.name
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"

import airflow  # noqa: E402
from airflow.exceptions import AirflowException  # noqa: E402
from airflow.models import DAG, TaskInstance  # noqa: E402
from airflow.operators.bash_operator import BashOperator  # noqa: E402
from airflow.operators.dummy_operator import DummyOperator  # noqa: E402
from airflow.serialization.serialized_objects import SerializedDAG  # noqa: E402
from airflow.utils.dag_processing import SimpleDag, SimpleDagBag, SimpleTaskInstance  # noqa: E402

DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)


def surface(cls):
    """Public name -> the names of its arguments, None for a property."""
    found = {}
    for name, member in inspect.getmembers(cls):
        if not name.startswith("_") or name == "__init__":
            is_property = isinstance(inspect.getattr_static(cls, name), property)
            found[name] = None if is_property else list(inspect.signature(member).parameters)
    return found


def public(thing):
    """Attribute -> value, of everything that is not a method; dates as text."""
    values = {}
    for name in dir(thing):
        if not name.startswith("_"):
            value = getattr(thing, name)
            if not callable(value):
                values[name] = value
    return json.loads(json.dumps(values, default=str))


def the_dag():
    dag = DAG("d", start_date=DAY, concurrency=5, default_args={"owner": "o"})
    dag.full_filepath = dag.fileloc = "/dags/d.py"
    first = DummyOperator(task_id="first", dag=dag)
    second = BashOperator(
        task_id="second",
        bash_command="true",
        dag=dag,
        task_concurrency=2,
        pool="warehouse",
        queue="big",
        priority_weight=7,
        run_as_user="worker",
        executor_config={"k": {"n": [1, None, "x"]}},
    )
    third = DummyOperator(task_id="third", dag=dag, weight_rule="upstream")
    first >> second >> third
    return dag


def task_instances(dag):
    described = []
    for task in dag.tasks:
        for state, tries, start in ((None, 0, None), ("queued", 1, DAY), ("running", 2, DAY)):
            ti = TaskInstance(task, DAY, state=state)
            ti.state, ti._try_number, ti.start_date = state, tries, start
            simple = SimpleTaskInstance(ti)
            values = public(simple)
            values["_run_as_user"] = simple._run_as_user
            described.append(
                {"row": [task.task_id, state, tries, start and start.timestamp()], "values": values}
            )
    return described


def unknown_dag(bag):
    try:
        bag.get_dag("nobody")
    except AirflowException as error:
        return str(error)


def pickled_bytes(n_tasks):
    dag = DAG("big", start_date=DAY)
    for number in range(n_tasks):
        DummyOperator(task_id=f"layer_{number // 10}_task_{number % 10}", dag=dag)
    simple_dag = SimpleDag(dag)
    simple_task_instances = [SimpleTaskInstance(TaskInstance(task, DAY)) for task in dag.tasks]
    return {
        "document": SerializedDAG.to_dict(dag),
        "simple_dag": len(pickle.dumps(simple_dag, pickle.HIGHEST_PROTOCOL)),
        "simple_task_instances": len(pickle.dumps(simple_task_instances, pickle.HIGHEST_PROTOCOL)),
    }


def main():
    dag = the_dag()
    simple = SimpleDag(dag, pickle_id=9)
    bag = SimpleDagBag([simple, SimpleDag(DAG("other", start_date=DAY))])
    description = {
        "version": airflow.__version__,
        "document": SerializedDAG.to_dict(dag),
        "surfaces": {cls.__name__: surface(cls) for cls in (SimpleDag, SimpleDagBag, SimpleTaskInstance)},
        "simple_dag": public(simple),
        "special_args": [
            [task_id, name, simple.get_task_special_arg(task_id, name)]
            for task_id in ("first", "second", "nobody")
            for name in ("task_concurrency", "other")
        ],
        "bag": {
            "dag_ids": list(bag.dag_ids),
            "is_view": type(bag.dag_ids).__name__,
            "finds": bag.get_dag("d") is simple,
            "unknown": unknown_dag(bag),
        },
        "task_instances": task_instances(dag),
        "pickled": pickled_bytes(1000),
    }
    print(json.dumps(description))


main()
