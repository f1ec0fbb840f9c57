"""One field that cannot be deserialized does no more harm than on stock, whichever it is."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

pytest.importorskip("airflow.sdk")

from airflow import plugins_manager
from airflow.exceptions import DeserializationError
from airflow.serialization.definitions.mappedoperator import SerializedMappedOperator
from airflow.task.priority_strategy import PriorityWeightStrategy

from sched_cache_airflow.hosts.airflow3.dags.serialization import (
    DagSerialization,
    SerializedBaseOperator,
    SerializedDAG,
)
from sched_cache_airflow.hosts.airflow3.dags.stored_contents import StoredContents
from sched_cache_airflow.settings.settings import Settings
from tests.airflow3.support.every_kind import base_document
from tests.support.share import IS_WHOLE, share
from tests.support.undecodable import Process, cases, table_of

_N_CASES = 75
"""Of some 2500 to 2800, without `make undecodable`."""


def all_cases() -> list[Any]:
    task_fields = (
        SerializedBaseOperator.get_serialized_fields() | SerializedMappedOperator.get_serialized_fields()
    )
    return list(cases(base_document(), SerializedDAG.get_serialized_fields(), task_fields))


def settings() -> Any:
    return Settings()


def stock(document: Any) -> Any:
    DagSerialization._load_operator_extra_links = False
    return DagSerialization.from_dict(json.loads(json.dumps(document)))


def new_process(document: Any) -> Process:
    return Process(StoredContents(), settings(), document)


@pytest.fixture(autouse=True)
def quiet_host() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_nothing_is_worse_than_on_stock() -> None:
    """A DAG that stock refuses is refused at the same place, and a DAG that stock can read completely can be read.

    So for the process that encodes the content, and for one that finds it in the shared tiers.
    """
    table = table_of(share(all_cases(), _N_CASES), stock, new_process)
    print(*sorted(table.counts.items()), sep="\n")
    assert table.worse == []
    assert sum(n for outcomes, n in table.counts.items() if "read" not in outcomes) > (
        200 if IS_WHOLE else 10
    )
    assert table.counts["read", "read"] > (300 if IS_WHOLE else 20)


class Rule(PriorityWeightStrategy):
    """A site's own."""

    def get_weight(self, ti: Any) -> int:
        return 7


def test_a_plugin_that_only_the_encoding_process_has() -> None:
    """The process without it leaves the DAG to the host, though others share it; with it, nothing is read twice."""
    document, name = base_document(), f"{Rule.__module__}.Rule"
    document["dag"]["tasks"][0]["__var"]["weight_rule"] = name
    with mock.patch.object(plugins_manager, "get_priority_weight_strategy_plugins", lambda: {name: Rule}):
        first = new_process(document)
        assert first.take().get_task("plain").weight_rule.get_weight(None) == 7
        with_plugin = new_process(document).beside(first)
        assert with_plugin.take() is not None
        assert with_plugin.stored.n_read == 0
    without = new_process(document).beside(first)
    assert without.take() is None
    assert without.stored.n_read == 0
    with pytest.raises(DeserializationError):
        stock(document)
