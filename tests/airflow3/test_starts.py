"""Real processes of Airflow 3 with many wrong options at once: each lives, works, says so in one line, and ends."""

from __future__ import annotations

import os

import pytest

from tests.starts.start import start
from tests.starts.values import starts
from tests.support.servers import PostgresServer

pytestmark = pytest.mark.skipif(
    not (os.environ.get("CI") or os.environ.get("SCHED_CACHE_END_TO_END")),
    reason="neither CI nor SCHED_CACHE_END_TO_END is set: takes a minute or two; `make starts` does all",
)


@pytest.mark.parametrize("name", ["in part 1"])
def test_wrong_options_end_no_process(postgres_server: PostgresServer, name: str) -> None:
    """And the doctor names each. How soon they end is for `make starts`, which has stock beside it."""
    (options,) = (options for options in starts() if options.name == name)
    found = start(postgres_server.url("").rstrip("/"), options)
    assert found.faults == []
    assert len(found.n_lines) == 4
