"""Prints the documents of `dags.build()` as one JSON array. Run by the Python of either host."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from importlib.metadata import version

with tempfile.TemporaryDirectory() as home:
    os.environ.update(  # before Airflow is imported: it reads its environment then
        AIRFLOW_HOME=home,
        AIRFLOW__CORE__DAGS_FOLDER="/opt/airflow/dags",
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{home}/airflow.db",
    )
    from tools.dictionary.dags import build

    if version("apache-airflow").startswith("3."):
        from airflow.serialization.serialized_objects import DagSerialization as Serialization
    else:
        from airflow.serialization.serialized_objects import SerializedDAG as Serialization

    json.dump([Serialization.to_dict(dag) for dag in build()], sys.stdout, sort_keys=True)
