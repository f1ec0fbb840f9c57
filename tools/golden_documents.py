"""Writes what an Airflow of any release stores for a few DAGs: `PYTHON tools/golden_documents.py FOLDER`.

PYTHON has that Airflow, 1.10.7 or newer; the files are named after its version. tests/golden/documents/ was
made by these, each in an environment of its own, with PYTHONHASHSEED=0:

    Python 3.8:  pip install 'pip<24' wheel 'setuptools<58'; pip install apache-airflow==1.10.15;
                 pip install 'markupsafe<2.1' 'wtforms<3' sqlalchemy==1.3.24
    Python 3.8:  pip install 'pip<24' wheel 'setuptools<58'; pip install apache-airflow==2.2.5 'pendulum<3'
                 'sqlalchemy<1.5' 'markupsafe<2.1' 'flask<2' 'werkzeug<2' 'wtforms<3' 'jinja2<3.1'
                 'connexion<3'
    Python 3.10: pip install --only-binary google-re2 apache-airflow==2.6.3 'pendulum<3' 'sqlalchemy<2'
                 'flask<2.3' 'connexion<3' 'pydantic<2' 'setuptools<70'
    Python 3.11: pip install apache-airflow==3.0.6 'sqlalchemy<2'
"""

# Airflow is not installed where types are checked, so its decorators have none.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import json
import os
import sys
import tempfile
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

_HOME = tempfile.TemporaryDirectory()
os.environ.update(  # before Airflow is imported: it reads its environment then
    AIRFLOW_HOME=_HOME.name,
    AIRFLOW__CORE__DAGS_FOLDER="/dags",
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
)

from airflow import __version__  # noqa: E402
from airflow.utils.timezone import datetime  # noqa: E402

_VERSION = tuple(int(number) for number in __version__.split(".")[:2])
_START = datetime(2024, 1, 1)


def _operator(module: str, name: str, oldest_module: str) -> Any:
    if _VERSION >= (3, 0):
        return getattr(import_module(f"airflow.providers.standard.{module}"), name)
    return getattr(
        import_module(f"airflow.{module}" if _VERSION >= (2, 0) else f"airflow.{oldest_module}"), name
    )


Bash = _operator("operators.bash", "BashOperator", "operators.bash_operator")
Python = _operator("operators.python", "PythonOperator", "operators.python_operator")
BranchPython = _operator("operators.python", "BranchPythonOperator", "operators.python_operator")
PythonSensor = _operator("sensors.python", "PythonSensor", "contrib.sensors.python_sensor")
if _VERSION >= (2, 4):
    Empty = _operator("operators.empty", "EmptyOperator", "")
else:
    Empty = _operator("operators.dummy", "DummyOperator", "operators.dummy_operator")
DAG = import_module("airflow.sdk" if _VERSION >= (3, 0) else "airflow.models.dag").DAG


def _work(**_: Any) -> None:
    """Stands for an author's function."""


def _dag(dag_id: str, schedule: Any, **options: Any) -> Any:
    options["schedule" if _VERSION >= (2, 4) else "schedule_interval"] = schedule
    dag = DAG(dag_id, start_date=_START, **options)
    dag.fileloc = f"/dags/{dag_id}.py"
    return dag


def _fields() -> Any:
    """Every hot field that an author of any release may set, and a few cold ones."""
    options: dict[str, Any] = {
        "default_args": {"owner": "data", "retries": 2, "email": ["a@example.com"], "email_on_retry": False},
        "description": "Größe, 大きさ",
        "tags": ["b", "a"],
        "params": {"text": "x", "number": 1, "ratio": 1.0, "flag": True, "nothing": None},
        "dagrun_timeout": timedelta(hours=2),
        "end_date": datetime(2030, 1, 1),
        "catchup": False,
    }
    with _dag("fields", "30 6 * * 1-5", **options) as dag:
        dag.doc_md = "# Fields\n\nWith *text*."
        wait = PythonSensor(
            task_id="wait", python_callable=_work, mode="reschedule", poke_interval=30, timeout=600
        )
        choose = BranchPython(task_id="choose", python_callable=_work)
        run = Bash(
            task_id="run",
            bash_command="run.sh {{ ds }} ",
            env={"A": "1"},
            pool="limited",
            pool_slots=2,
            queue="big",
            priority_weight=7,
            weight_rule="upstream",
            depends_on_past=True,
            wait_for_downstream=True,
            run_as_user="worker",
            executor_config={"KubernetesExecutor": {"image": "python"}},
            execution_timeout=timedelta(minutes=10),
            retry_delay=timedelta(seconds=90),
            retry_exponential_backoff=True,
            max_retry_delay=timedelta(hours=1),
            start_date=datetime(2024, 2, 1),
            **({"sla": timedelta(minutes=30)} if _VERSION < (3, 0) else {}),
        )
        skip = Empty(task_id="skip")
        join = Python(
            task_id="join",
            python_callable=_work,
            op_args=[1, "a"],
            op_kwargs={"b": [1.0, None]},
            trigger_rule="none_failed",
            **{"task_concurrency" if _VERSION < (2, 2) else "max_active_tis_per_dag": 3},
        )
        wait >> choose
        choose >> run >> join
        choose >> skip >> join
    return dag


def _nested_groups() -> Any:
    from_sdk = import_module("airflow.sdk" if _VERSION >= (3, 0) else "airflow.utils.task_group")
    with _dag("nested_groups", "@daily", catchup=True) as dag:
        start = Empty(task_id="start")
        with from_sdk.TaskGroup("outer", tooltip="All of it") as outer:
            first = Empty(task_id="first")
            with from_sdk.TaskGroup("inner"):
                first >> Empty(task_id="second")
        with from_sdk.TaskGroup("plain", prefix_group_id=False) as plain:
            Empty(task_id="third")
        start >> outer >> plain
    return dag


def _mapped() -> Any:
    decorators = import_module("airflow.sdk" if _VERSION >= (3, 0) else "airflow.decorators")
    with _dag("mapped", None) as dag:

        @decorators.task
        def numbers() -> list[int]:
            return [1, 2]

        @decorators.task(retries=1, pool="limited")
        def double(number: int, factor: int) -> int:
            return number

        Bash.partial(task_id="bash", env={"A": "1"}, retry_delay=timedelta(seconds=5)).expand(
            bash_command=["echo 1", "echo 2"]
        )
        double.partial(factor=2).expand(number=numbers())

        @decorators.task_group
        def per_number(number: int) -> None:
            double.override(task_id="in_group")(number, 1)

        per_number.expand(number=[1, 2, 3])
    return dag


def _setup_and_assets() -> Any:
    sdk = import_module("airflow.sdk")
    first, second = sdk.Asset("s3://bucket/first"), sdk.Asset("s3://bucket/second", extra={"a": 1})
    with _dag("setup_and_assets", (first & second)) as dag:
        create = Bash(task_id="create", bash_command="create").as_setup()
        delete = Bash(task_id="delete", bash_command="delete").as_teardown(setups=create)
        create >> Bash(task_id="use", bash_command="use", inlets=[first], outlets=[second]) >> delete
    return dag


def main(folder: Path) -> None:
    from airflow.serialization.serialized_objects import SerializedDAG

    builders = [_fields]
    if _VERSION >= (2, 0):
        builders.append(_nested_groups)
    if _VERSION >= (2, 5):
        builders.append(_mapped)
    if _VERSION >= (3, 0):
        builders.append(_setup_and_assets)
    for build in builders:
        dag = build()
        text = json.dumps(SerializedDAG.to_dict(dag), sort_keys=True)
        (folder / f"airflow-{__version__}-{dag.dag_id}.json").write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
