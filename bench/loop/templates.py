"""The three states of a case, which stock Airflow creates once in a process of its own. They are saved as databases.

ready: the DAGs are known and due, and no run exists. steady: every DAG has a running run, in which some tasks have
finished and those that could start are running. last: every task has finished, and no run has ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from ..airflow_home import airflow_environ
from ..case import Case
from ..interpreter import PACKAGE, child_environ
from .airflow2_dags import write_built_dags
from .host import environ_of_2, host
from .metadata_db import metadata_db, migrate

_WORK = "making"
STATES = ("ready", "steady", "last")


def template(case: Case, state: str) -> str:
    """The database that holds this state of the case."""
    parameters = case.parameters
    names = [str(parameters[name]) for name in ("shape", "n_dags", "n_tasks", "finished_percent")]
    return "_".join([host(), *names, str(case.seed), state])


def migrated() -> str:
    """The database that has the tables of this interpreter's Airflow, and nothing in them."""
    return f"{host()}_migrated"


def ensure_templates(case: Case, services: Mapping[str, str]) -> None:
    """Creates the missing states. Takes minutes for the largest cases, because stock Airflow creates the runs."""
    database = metadata_db(services["database"])
    if all(database.exists(template(case, state)) for state in STATES):
        return
    ensure_migrated(services)
    database.copy(migrated(), _WORK)
    given = {"parameters": dict(case.parameters), "seed": case.seed, "services": dict(services)}
    done = subprocess.run(
        [sys.executable, "-m", f"{PACKAGE}.loop.templates"],
        input=json.dumps(given),
        env=child_environ(stock_environ(services["home"], database.url(_WORK))),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the templates of {case.label} could not be made:\n{done.stdout[-3000:]}")


def ensure_migrated(services: Mapping[str, str]) -> None:
    """Makes `migrated`."""
    database = metadata_db(services["database"])
    if not database.exists(migrated()):
        database.create(migrated())
        migrate(sys.executable, child_environ(stock_environ(services["home"], database.url(migrated()))))


def stock_environ(home: str, database_url: str) -> dict[str, str]:
    """The environment of Airflow, with our plugin off in case it is installed there."""
    return {
        **airflow_environ(home, database_url),
        **(environ_of_2(home) if host() == "airflow2" else {}),
        "AIRFLOW__SCHED_CACHE__ENABLED": "False",
    }


def _make(case: Case, services: Mapping[str, str]) -> None:
    from .scheduler import Scheduler
    from .workload import finish_tasks, make_documents, n_running_runs, stop_creating_runs, write_dags

    parameters: Mapping[str, Any] = case.parameters
    documents = make_documents(
        parameters["shape"],
        parameters["n_dags"],
        parameters["n_tasks"],
        seed=case.seed,
        folder=os.path.join(services["home"], "dags"),
    )
    if host() == "airflow2":
        write_built_dags(
            parameters["shape"], parameters["n_dags"], parameters["n_tasks"], case.seed, services["home"]
        )
    else:
        write_dags(documents)
    _save(case, services, "ready")
    scheduler = Scheduler()
    scheduler.register()
    for _ in range(2 * len(documents) + 10):
        if n_running_runs() == len(documents):
            break
        scheduler.loop()
    else:
        raise RuntimeError(f"only {n_running_runs()} of {len(documents)} runs exist")
    stop_creating_runs()
    finish_tasks(documents, parameters["finished_percent"] / 100)
    _save(case, services, "steady")
    finish_tasks(documents, 1.0)
    _save(case, services, "last")


def _save(case: Case, services: Mapping[str, str], state: str) -> None:
    from airflow import settings

    settings.engine.dispose()
    database = metadata_db(services["database"])
    database.settle(_WORK)
    database.copy(_WORK, template(case, state))


if __name__ == "__main__":
    given = json.load(sys.stdin)
    _make(Case("loop", given["parameters"], given["seed"]), given["services"])
