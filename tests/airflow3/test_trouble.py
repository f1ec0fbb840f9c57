"""Tiers in trouble on Airflow 3, see `contracts/trouble.py`."""

from __future__ import annotations

import pytest

pytest.importorskip("airflow.sdk")

from tests.contracts.trouble import TroubleContract, hurt_cluster

__all__ = ["hurt_cluster"]


class TestTrouble(TroubleContract):
    pass
