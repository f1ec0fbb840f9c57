"""The host's classes of deserialized DAGs and what makes them of documents, by their names in the installed release.

Since 3.2 the classes are apart from the functions that read documents. Before, they had these functions themselves.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from airflow.serialization import serialized_objects as _host

SerializedDAG: Any = _host.SerializedDAG
SerializedBaseOperator: Any = _host.SerializedBaseOperator

DagSerialization: Any = vars(_host).get("DagSerialization", SerializedDAG)
OperatorSerialization: Any = vars(_host).get("OperatorSerialization", SerializedBaseOperator)

DEFAULT_OPERATOR_DEPS: Final = vars(sys.modules[SerializedBaseOperator.__module__])["DEFAULT_OPERATOR_DEPS"]

HAS_BACK_OFF_FACTOR: Final = not isinstance(SerializedBaseOperator.retry_exponential_backoff, bool)
"""Whether the growth of a retry's delay is a number, as which the host reads the yes or no of older documents."""


def _function(name: str) -> Any:
    return vars(_host).get(f"_{name}") or vars(_host)[name]


decode_priority_weight_strategy: Final = _function("decode_priority_weight_strategy")
decode_start_trigger_args: Final = _function("decode_start_trigger_args")
