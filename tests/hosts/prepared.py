"""Stock's home and metadata database for a measurement, on a server that keeps what takes long to make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.airflow_home import airflow_home
from bench.case import Case
from bench.loop.metadata_db import metadata_db
from bench.loop.templates import ensure_migrated, ensure_templates, migrated, stock_environ, template
from tests.support.module_process import FROM_CHECKOUT

_NO_OPTIONS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A home and a database.

    Attributes:
        environ: Airflow's variables, with the plugin off, for processes that import this checkout.
    """

    home: Path
    database_url: str
    environ: Mapping[str, str]


@contextmanager
def prepared(
    server_url: str, name: str, *, options: Mapping[str, str] = _NO_OPTIONS, case: Case | None = None
) -> Iterator[Prepared]:
    """A home of its own, removed with the block, and the database `name`, which replaces an earlier one.

    Args:
        server_url: a PostgreSQL server, without a database.
        options: more variables.
        case: its DAGs are in the database, each with a running run. Without it nothing is there but Airflow's tables.
    """
    with airflow_home() as home:
        services = {"home": home, "database": server_url}
        if case is None:
            ensure_migrated(services)
        else:
            ensure_templates(case, services)
        databases = metadata_db(server_url)
        databases.copy(migrated() if case is None else template(case, "steady"), name)
        url = databases.url(name)
        yield Prepared(Path(home), url, {**stock_environ(home, url), **options, **FROM_CHECKOUT})
