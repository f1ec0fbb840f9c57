"""Serialized documents of the DAGs that Airflow and its standard provider ship as examples."""

from __future__ import annotations

import functools
import json
import warnings
from pathlib import Path
from typing import Any

import airflow
from airflow.dag_processing.dagbag import DagBag

from sched_cache_airflow.hosts.airflow3.dags.serialization import DagSerialization

_FOLDERS = ("example_dags", "providers/standard/example_dags")


@functools.cache
def example_documents() -> dict[str, str]:
    """dag_id -> the JSON that the host stores. Parses every example file once, about 3 s.

    Raises AssertionError if a file of the standard set no longer imports; examples that need a provider
    which is not installed are left out.
    """
    documents = {}
    for folder in _FOLDERS:
        path = Path(airflow.__file__).parent / folder
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bag = DagBag(dag_folder=path, load_op_links=False, bundle_path=path)
            for dag_id, dag in bag.dags.items():
                documents[dag_id] = json.dumps(DagSerialization.to_dict(dag))
        unexpected = {
            file: error for file, error in bag.import_errors.items() if "No module named" not in error
        }
        assert not unexpected, unexpected
    return documents


def deserialized(document: str, *, load_op_links: bool) -> Any:
    """The host's object of one document."""
    DagSerialization._load_operator_extra_links = load_op_links
    return DagSerialization.from_dict(json.loads(document))
