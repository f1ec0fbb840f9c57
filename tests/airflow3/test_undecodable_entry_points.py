"""A field that cannot be deserialized does no more harm than on stock, wherever a process takes its DAG.

`make undecodable` tries every field at every place, by `tests.undecodable`; here each place meets one field.
"""

from __future__ import annotations

import pytest

pytest.importorskip("airflow.sdk")

from tests.contracts.undecodable import check_a_share, check_that_harm_is_found
from tests.hosts.metadata_db import MetadataDb


@pytest.mark.filterwarnings("ignore")
def test_no_entry_point_is_worse_than_on_stock(airflow_db: MetadataDb) -> None:
    """An error comes where stock raises it or not at all, with the same rows, and the session lives."""
    check_a_share(airflow_db)


@pytest.mark.filterwarnings("ignore")
def test_harm_is_found(airflow_db: MetadataDb) -> None:
    """DAGs that are handed out untried do worse than on stock, and the comparison names them."""
    check_that_harm_is_found(airflow_db)
