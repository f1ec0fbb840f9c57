"""Which parts of the plugin the installed release gets, and releases to come."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest

from sched_cache_airflow.hosts.airflow3.dags.dag import CompactSerializedDAG
from sched_cache_airflow.hosts.airflow3.decisions.reconcile import Reconciler
from sched_cache_airflow.hosts.airflow3.vocabulary import VOCABULARY
from sched_cache_airflow.hosts.contract import DECISIONS
from tests.contracts.known_code import KnownCodeContract
from tests.contracts.vocabulary import VocabularyContract


class TestKnownCode(KnownCodeContract):
    pass


class TestVocabulary(VocabularyContract):
    @pytest.mark.parametrize("unseen", ["", "column of task_instance lost"])
    def test_runs_are_compared_only_by_rows_that_are_known(
        self, unseen: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(VOCABULARY._unseen, DECISIONS, unseen)
        versions, session, dag_run = MagicMock(), MagicMock(), MagicMock()
        versions.hash_of.return_value = None  # no content: nothing is compared
        session.info = {"sched_cache.versions": versions}
        dag_run.dag = CompactSerializedDAG.__new__(CompactSerializedDAG)
        Reconciler(MagicMock()).reconcile(dag_run, session)
        assert versions.hash_of.called == (not unseen)
