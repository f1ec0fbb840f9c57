"""Ways to arrange tasks, the most usual DAGs among them."""

# Airflow is not installed where types are checked, so its decorators have none.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tools.dictionary.dags.host import (
    DEFAULT_ARGS,
    Bash,
    BranchPython,
    Empty,
    Label,
    Python,
    TaskGroup,
    chain,
    make_dag,
    notify,
    setup,
    task,
    task_group,
    teardown,
    work,
)


def setup_and_teardown() -> Iterator[Any]:
    with make_dag("with_cluster", "0 4 * * *") as dag:
        create = Bash(task_id="create_cluster", bash_command="create").as_setup()
        delete = Bash(task_id="delete_cluster", bash_command="delete").as_teardown(setups=create)
        (
            create
            >> [Bash(task_id="query", bash_command="run"), Bash(task_id="copy", bash_command="run")]
            >> delete
        )

        @setup
        def open_session() -> str:
            return "session"

        @teardown(on_failure_fail_dagrun=True)
        def close_session(session: str) -> None: ...

        @task
        def use(session: str) -> None: ...

        session = open_session()
        with TaskGroup("work") as work:
            use(session)
        work >> close_session(session)
    yield dag


def mapped() -> Iterator[Any]:
    with make_dag("mapped", None, tags=["mapped"]) as dag:

        @task
        def list_files() -> list[str]:
            return ["a", "b"]

        @task(retries=1)
        def count(path: str, factor: int) -> int:
            return 1

        @task
        def total(counts: list[int]) -> None: ...

        counted = count.partial(factor=2).expand(path=list_files())
        total(counted)

        @task_group
        def per_file(path: str) -> None:
            count.override(task_id="first")(path, 1) >> count.override(task_id="second")(path, 2)

        per_file.expand(path=["x", "y", "z"])
        Bash.partial(task_id="copy", env={"A": "1"}).expand(bash_command=["echo 1", "echo 2"])
        Python.partial(task_id="call", python_callable=work, pool="limited").expand(op_args=[[1], [2]])
        Python.partial(task_id="call_with", python_callable=work).expand_kwargs(
            [{"op_kwargs": {"a": 1}}, {"op_kwargs": {"a": 2}}]
        )
        total.override(task_id="zipped")(count.expand(path=list_files(), factor=[1, 2]))
    yield dag


def groups() -> Iterator[Any]:
    with make_dag("groups", "0 5 * * *", tags=["groups"]) as dag:
        start, end = Empty(task_id="start"), Empty(task_id="end")
        with TaskGroup("ingest", tooltip="Everything that reads") as ingest:
            for source in ("orders", "customers", "products"):
                Bash(task_id=source, bash_command=f"ingest {source}")
        with TaskGroup("transform", tooltip="Everything that computes") as transform:
            clean = Python(task_id="clean", python_callable=work)
            with TaskGroup("models") as models:
                [Empty(task_id="daily"), Empty(task_id="weekly")] >> Bash(
                    task_id="publish", bash_command="echo 1"
                )
            clean >> models
        start >> ingest >> transform >> end
    yield dag


def branches() -> Iterator[Any]:
    with make_dag("branches", "@daily", default_args={"retries": 1}) as dag:
        start = Empty(task_id="start")
        choose = BranchPython(task_id="choose", python_callable=work)
        join = Empty(task_id="join", trigger_rule="none_failed_min_one_success")
        start >> choose
        for name in ("full", "incremental", "skip"):
            choose >> Label(f"if {name}") >> Empty(task_id=name) >> join
    yield dag


def taskflow() -> Iterator[Any]:
    with make_dag(
        "taskflow", None, tags=["etl"], doc_md="#### Pipeline\nReads orders, computes totals, stores them."
    ) as dag:

        @task
        def extract() -> dict[str, int]:
            return {"a": 1}

        @task(multiple_outputs=True)
        def transform(orders: dict[str, int]) -> dict[str, int]:
            """Computes the total."""
            return orders

        @task
        def load(total: int) -> None: ...

        load(transform(extract())["total"])
    yield dag


def python_and_bash() -> Iterator[Any]:
    with make_dag(
        "reporting",
        "0 6 * * *",
        default_args=DEFAULT_ARGS,
        description="Daily report",
        tags=["reporting", "daily"],
        dagrun_timeout=timedelta(hours=2),
        on_failure_callback=notify,
        on_success_callback=notify,
    ) as dag:
        extract = Python(task_id="extract", python_callable=work, op_kwargs={"table": "orders"})
        transform = Python(task_id="transform", python_callable=work, op_args=[1, "a"])
        load = Bash(task_id="load", bash_command="load.sh {{ ds }} ", depends_on_past=False, retries=3)
        done = Bash(task_id="notify", bash_command='echo "done {{ ds }}"', trigger_rule="all_done")
        extract >> transform >> load >> done
    yield dag


def bash() -> Iterator[Any]:
    with make_dag("nightly", "0 0 * * *", tags=["nightly", "team-a"], catchup=True) as dag:
        chain(*(Bash(task_id=f"task_{number}", bash_command=f"echo {number}") for number in range(1, 6)))
    yield dag


def small() -> Iterator[Any]:
    for n_tasks, schedule in ((1, None), (2, "@once"), (3, "@daily")):
        with make_dag(f"small_{n_tasks}", schedule, tags=["daily"]) as dag:
            start = Empty(task_id="start")
            if n_tasks > 1:
                start >> Bash(task_id="run", bash_command="echo 1")
            if n_tasks > 2:
                start >> Python(task_id="print", python_callable=work)
        yield dag


FAMILIES = (setup_and_teardown, mapped, groups, branches, taskflow, python_and_bash, bash, small)
