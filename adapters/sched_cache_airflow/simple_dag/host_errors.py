"""The exceptions that code for Airflow catches, without an import of Airflow.

Code that catches a class of the host has imported it, so it suffices to check whether it is loaded.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from sched_cache.errors import SchedCacheError


class UnknownDagError(SchedCacheError):
    """The bag has no DAG with this id. Also an `AirflowException`, if the process has imported Airflow."""


def unknown_dag_error(dag_id: str) -> UnknownDagError:
    """The error of `SimpleDagBag.get_dag`, in the words of 1.10."""
    error: UnknownDagError = _also_a(_of_host("AirflowException"))(f"Unknown DAG ID {dag_id}")
    return error


def removal_warning() -> type[Warning]:
    """The category of the warnings of 2.11 about `as_dict` and `from_dict`."""
    category: type[Warning] = _of_host("RemovedInAirflow3Warning") or DeprecationWarning
    return category


def _of_host(name: str) -> Any:
    return getattr(sys.modules.get("airflow.exceptions"), name, None)


@cache
def _also_a(host_class: Any) -> Any:
    if host_class is None:
        return UnknownDagError
    return type(UnknownDagError.__name__, (UnknownDagError, host_class), {"__module__": __name__})
