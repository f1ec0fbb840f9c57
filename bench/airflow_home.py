"""The variables of a quiet Airflow 3 in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .leash import short_lived_folder

DAG_FILE = "generated.py"


@contextmanager
def airflow_home() -> Iterator[str]:
    """A folder with a DAG folder in it, removed with the block. Gives its path."""
    with short_lived_folder("bench-airflow-") as home:
        dags = Path(home, "dags")
        dags.mkdir()
        (dags / DAG_FILE).write_text("# The DAGs of a benchmark are generated; no file defines them.\n")
        yield home


def airflow_environ(home: str, database_url: str | None = None) -> dict[str, str]:
    """The variables that are set. Every option that affects scheduling keeps Airflow's default."""
    environ = {
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__DAGS_FOLDER": f"{home}/dags",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__API_AUTH__JWT_SECRET": "benchmarks-sign-nothing-that-matters-0123456789",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": f"{home}/logs",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    if database_url:
        environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = database_url
    return environ
