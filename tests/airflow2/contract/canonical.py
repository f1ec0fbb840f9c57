"""The values of this host in a form that can be compared, see `tests/support/canonical.py`."""

from __future__ import annotations

from airflow.models.mappedoperator import MappedOperator
from airflow.models.operator import BaseOperator
from airflow.models.param import Param, ParamsDict
from airflow.serialization.serialized_objects import SerializedDAG, encode_timetable
from airflow.utils.operator_resources import Resources
from airflow.utils.task_group import TaskGroup

from tests.support.canonical import Canonical

canonical = Canonical(
    group=TaskGroup,
    dag=SerializedDAG,
    task=BaseOperator | MappedOperator,
    resources=Resources,
    encode_timetable=encode_timetable,
    further={
        ParamsDict: lambda params: tuple((name, params.get_param(name)) for name in params),
        Param: lambda param: (param.value, param.description, param.schema),
    },
)
outcome = canonical.outcome
