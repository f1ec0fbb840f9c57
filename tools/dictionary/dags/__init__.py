"""DAGs as people write them, for Airflow 3 and 2.11 alike. The words of their documents fill the dictionary.

Not one of them is an example that Airflow ships: those are what the dictionary is measured on.
"""

from __future__ import annotations

from typing import Any

from tools.dictionary.dags import operators, options, structure


def build() -> list[Any]:
    """All DAGs, as objects of the host."""
    families = (*structure.FAMILIES, *operators.FAMILIES, *options.FAMILIES)
    return [dag for family in families for dag in family()]
