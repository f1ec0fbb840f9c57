"""The values of this host in a form that can be compared, see `tests/support/canonical.py`."""

from __future__ import annotations

from airflow.sdk.definitions.operator_resources import Resources
from airflow.serialization.definitions.mappedoperator import SerializedMappedOperator
from airflow.serialization.definitions.param import SerializedParam, SerializedParamsDict
from airflow.serialization.definitions.taskgroup import SerializedTaskGroup
from airflow.serialization.encoders import encode_timetable

from sched_cache_airflow.hosts.airflow3.dags.serialization import SerializedBaseOperator, SerializedDAG
from tests.support.canonical import Canonical

canonical = Canonical(
    group=SerializedTaskGroup,
    dag=SerializedDAG,
    task=SerializedBaseOperator | SerializedMappedOperator,
    resources=Resources,
    encode_timetable=encode_timetable,
    further={
        SerializedParamsDict: lambda params: tuple(params.items()),
        SerializedParam: lambda param: (param.value, param.description, param.schema, param.source),
    },
)
outcome = canonical.outcome
