"""`create_tables=False`: the operator makes the tables with `sched-cache init-db`, all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect

from sched_cache.config import Config
from sched_cache.errors import StoreUnavailableError
from sched_cache_airflow.sharing import version_publisher
from sched_cache_airflow.sharing.version_publisher import WrittenVersions
from sched_cache_airflow.sharing.written_table import written_table

TABLES = {"meta", "dag", "content", "acknowledged", "process", "written", "certificate"}


def test_init_db_makes_every_table_that_the_plugin_uses(tmp_path: Path) -> None:
    """Also the one of written versions, and again whatever was dropped."""
    url = f"sqlite:///{tmp_path / 'tables.db'}"
    engine = create_engine(url)
    for dropped in (None, "written", "certificate", "dag"):
        if dropped is not None:
            with engine.begin() as connection:
                connection.exec_driver_sql(f"DROP TABLE sched_cache_{dropped}")
        subprocess.run([sys.executable, "-m", "sched_cache", "init-db", "--database-url", url], check=True)
        assert set(inspect(engine).get_table_names()) == {f"sched_cache_{name}" for name in TABLES}
    engine.dispose()


def test_a_table_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that maintenance says once, with what to do; not an exception of the driver in every round."""
    engine = create_engine(f"sqlite:///{tmp_path / 'host.db'}")
    monkeypatch.setattr(version_publisher, "host_transaction", engine.begin)

    class Cache:
        def certify(self) -> None:
            """The other tables are there."""

    unused: Any = None
    cache: Any = Cache()
    written = WrittenVersions(written_table(Config()), cache, unused, create=False)
    with pytest.raises(
        StoreUnavailableError, match=r"sched_cache_written is missing: run `sched-cache init-db`"
    ):
        written.prepare()
    engine.dispose()
