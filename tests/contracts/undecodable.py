"""That no place where a host takes a DAG does worse with a spoilt field than on stock, for a share of them."""

from __future__ import annotations

from unittest import mock

import pytest

from sched_cache_airflow.dags import resident_dags
from tests.hosts.metadata_db import MetadataDb
from tests.support.share import share
from tests.undecodable.fields import REFUSED, fields
from tests.undecodable.installation import stored_host
from tests.undecodable.trial import Trial

_N_CASES, _N_REFUSED, _N_OTHERS, _N_ENTRIES = 60, 6, 4, 16

_HARMED = (
    "scheduler: _create_dag_runs",
    "scheduler: _schedule_all_dag_runs",
    "model: SerializedDagModel.get().dag",
)


def check_that_harm_is_found(database: MetadataDb) -> None:
    """Where our objects are handed out untried, the comparison says so: an error comes later than on stock."""
    if database.name != "postgresql":
        pytest.skip("rows are put back by PostgreSQL's own means")
    with stored_host(database.url) as (host, rows):
        cases = [case for case in host.cases() if (case.place, case.field) == ("task", "weight_rule")]
        [spoilt] = fields(cases[:1], host.decode)
        entries = [entry for entry in host.entries if entry.name in _HARMED]
        with mock.patch.object(resident_dags.Trial, "check"):
            matrix = Trial(host, rows).run([spoilt], entries)
    assert spoilt.kind == REFUSED
    assert any(line.startswith("worse") for line in matrix.worse())


def check_a_share(database: MetadataDb) -> None:
    """Each of some thirty entry points meets one of ten fields, both chosen by a seed."""
    if database.name != "postgresql":
        pytest.skip("rows are put back by PostgreSQL's own means")
    with stored_host(database.url) as (host, rows):
        found = fields(share(host.cases(), _N_CASES, is_whole=False), host.decode)
        refused = [one for one in found if one.kind == REFUSED][:_N_REFUSED]
        chosen = refused + [one for one in found if one.kind != REFUSED][:_N_OTHERS]
        entries = share(host.entries, _N_ENTRIES, is_whole=False)
        matrix = Trial(host, rows, one_in=len(chosen)).run(chosen, entries)
    print(matrix.table(), matrix.summary(), sep="\n")
    assert matrix.worse() == []
    assert sum(matrix.counts.values()) == 2 * len(entries)
    assert any("Error" in stock for _, _, stock, *_ in matrix.counts)
