"""The DAGs of a case, one large and many small, in the host's tables, in ours, and in Redis. Created once per run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from ..airflow_home import DAG_FILE, airflow_environ
from ..case import Case
from ..interpreter import PACKAGE, child_environ
from ..loop.metadata_db import metadata_db
from ..loop.templates import ensure_migrated, migrated, stock_environ
from ..serialized import generate_document

DATABASE_VARIABLE, REDIS_VARIABLE = "BENCH_DATABASE_URL", "BENCH_REDIS_URL"
LARGE = "large"
_PER_WRITE = 100


def small_keys(case: Case) -> list[str]:
    """The dag_ids of the small DAGs."""
    return [f"small_{number}" for number in range(int(case.parameters["n_dags"]))]


def stored_database(case: Case) -> str:
    """The database that the DAGs of this case are in."""
    names = ("shape", "n_tasks", "n_dags", "n_small_tasks")
    return "_".join(["stored", *(str(case.parameters[name]) for name in names), str(case.seed)])


def stored_environ(case: Case, services: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that uses it: Airflow's variables, and ours for subjects that know no Airflow."""
    url = metadata_db(services["database"]).url(stored_database(case))
    return {
        **airflow_environ(services["home"], url),
        DATABASE_VARIABLE: url,
        REDIS_VARIABLE: services.get("redis", ""),
    }


def ensure_stored(case: Case, services: Mapping[str, str]) -> None:
    """Stores the missing DAGs in a process of its own. Takes a minute or two, because stock Airflow stores them."""
    database = metadata_db(services["database"])
    name = stored_database(case)
    if database.exists(name):
        return
    ensure_migrated(services)
    database.copy(migrated(), name)
    url = database.url(name)
    done = subprocess.run(
        [sys.executable, "-m", f"{PACKAGE}.lookup.stored_dags"],
        input=json.dumps(
            {"parameters": dict(case.parameters), "seed": case.seed, "url": url, "services": dict(services)}
        ),
        env=child_environ(stock_environ(services["home"], url)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the DAGs of {case.label} could not be stored:\n{done.stdout[-3000:]}")
    database.settle(name)


def _documents(case: Case, folder: str) -> list[dict[str, Any]]:
    shape, n_tasks = str(case.parameters["shape"]), int(case.parameters["n_tasks"])
    n_small = int(case.parameters["n_small_tasks"])
    documents: list[dict[str, Any]] = [generate_document(shape, n_tasks, seed=case.seed, dag_id=LARGE)]
    for number, key in enumerate(small_keys(case)):
        documents.append(generate_document(shape, n_small, seed=case.seed + number, dag_id=key))
    for document in documents:
        document["dag"] |= {"fileloc": f"{folder}/{DAG_FILE}", "relative_fileloc": DAG_FILE}
    return documents


def _store(case: Case, url: str, services: Mapping[str, str]) -> None:
    from sched_cache import Config, DagCache

    from ..loop.workload import write_dags

    documents = _documents(case, f"{services['home']}/dags")
    for first in range(0, len(documents), _PER_WRITE):
        write_dags(documents[first : first + _PER_WRITE])
    with DagCache.open(Config(database_url=url, redis_url=services.get("redis"))) as cache:
        for document in documents:
            cache.publish(document["dag"]["dag_id"], document)


if __name__ == "__main__":
    given = json.load(sys.stdin)
    _store(Case("lookup", given["parameters"], given["seed"]), given["url"], given["services"])
