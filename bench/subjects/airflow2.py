"""Stock Airflow 2.11, in an environment of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..case import Case
from ..loop.host import environ_of_2
from ..services import HOME
from ..subject import Work


@dataclass(frozen=True, slots=True)
class StockAirflow2:
    """Airflow 2.11 with the same DAGs in its metadata database, built with its own classes."""

    name: str = "airflow2"
    title: str = "Airflow 2.11, stock"
    about: str = "the same DAGs in an Airflow 2.11 with a metadata database of its own"
    suites: frozenset[str] = frozenset({"loop"})
    requires: tuple[str, ...] = ("apache-airflow==2.11",)
    needs: frozenset[str] = frozenset()
    is_product: bool = False
    is_quick: bool = False

    def environ(self, case: Case, services: Mapping[str, str]) -> Mapping[str, str]:
        return environ_of_2(services[HOME])

    def open(self, case: Case) -> Work:
        return Work()


SUBJECTS = (StockAirflow2(),)
