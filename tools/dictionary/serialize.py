"""Writes the documents of `dags.build()` to a file, as one JSON array. Run by the Python of either host.

Not to standard output, where a host may log.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

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

    documents = [Serialization.to_dict(dag) for dag in build()]
    Path(sys.argv[1]).write_text(json.dumps(documents, sort_keys=True))
