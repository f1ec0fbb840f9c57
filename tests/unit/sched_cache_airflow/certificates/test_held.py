"""A certificate stands for a pin as long as it is checked, and no longer: every doubt ends its use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from sched_cache.config import Config
from sched_cache.errors import StoreUnavailableError
from sched_cache.store.sql import SqlStore
from sched_cache_airflow.certificates.burn_in import shape_of
from sched_cache_airflow.certificates.certificate import Bound
from sched_cache_airflow.certificates.held import LAPSE_SECONDS, LOOK_SECONDS, HeldCertificate
from sched_cache_airflow.certificates.table import CertificateTable, certificate_table, id_of
from tests.support.clock import ManualClock
from tests.unit.sched_cache_airflow.certificates.test_burn_in import CHAIN
from tests.unit.sched_cache_airflow.certificates.test_table import BOUND, certificate

DIFFERENCE = {"reason": "a decision differed", "dag_id": "chain"}
WITHDRAWN = "its certificate was withdrawn"


@dataclass
class Process:
    """A process of the cluster with unpinned code, and what it is bound to."""

    table: CertificateTable | None
    clock: ManualClock
    file: Path | None = None
    now: Bound = BOUND
    digests: Mapping[str, str] | None = field(default_factory=lambda: dict(BOUND.digests))
    errors: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        file = None if self.file is None else str(self.file)
        self.held = HeldCertificate(
            lambda: self.digests, self._bound, self.table, file, self.clock, lambda: "node"
        )

    def look(self, after_seconds: float = LOOK_SECONDS) -> str:
        """The reason why it uses no certificate, after the next look."""
        self.clock.now += after_seconds
        self.held.look()
        return self.held.reason

    def _bound(self, digests: Mapping[str, str]) -> Bound:
        for error in self.errors:
            raise error
        assert digests == self.digests
        return self.now


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Callable[..., CertificateTable]]:
    stores: list[SqlStore] = []

    def make(*, create: bool = True) -> CertificateTable:
        stores.append(SqlStore.open(f"sqlite:///{tmp_path / 'tables.db'}"))
        return CertificateTable(certificate_table(Config()), stores[-1], create=create)

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def process(table: Callable[[], CertificateTable]) -> Callable[..., Process]:
    def make(**options: Any) -> Process:
        return Process(table(), ManualClock(), **options)

    return make


NewProcess = Callable[..., Process]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "certificate.json"
    path.write_text(certificate(1).text())
    return path


def test_before_the_first_look_and_without_a_certificate_there_is_none(process: NewProcess) -> None:
    one = process()
    assert one.held.reason == "its certificate was not looked for yet"
    assert one.look() == "it has no certificate"


def test_code_that_is_pinned_is_not_looked_at(process: NewProcess) -> None:
    """No query, and no function of the host."""
    one = process(digests=None, errors=[AssertionError()])
    one.table = None
    assert one.look() == "its certificate was not looked for yet"


def test_a_certificate_in_the_table_is_used(process: NewProcess) -> None:
    one = process()
    one.look()
    process().table.put(certificate().text())
    assert one.look(LOOK_SECONDS / 2) == "it has no certificate", "no query between two looks"
    assert one.look() == ""
    assert one.held.certificate == certificate()


def test_a_certificate_in_a_file_is_used(process: NewProcess, file: Path) -> None:
    assert process(file=file).look() == ""


def test_the_newest_one_that_fits_is_used(process: NewProcess, file: Path) -> None:
    """A cluster whose nodes are upgraded one after the other has one for each build."""
    one = process(file=file)
    of_other_build = replace(certificate(9), bound=replace(BOUND, build="ee"))
    for each in (certificate(0), of_other_build, certificate(5)):
        assert one.table is not None
        one.table.put(each.text())
    assert (one.look(), one.held.certificate) == ("", certificate(5))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"build": "ee"}, "build: ee instead of dd"),
        ({"dialect": "mysql"}, "dialect: mysql instead of postgresql"),
        ({"listeners": ("site.audit (aa)",)}, "listeners: site.audit (aa) is new"),
        ({"policies": ("site.policy (aa)",)}, "policies: site.policy (aa) is new"),
        (
            {"digests": {"airflow.utils.state:": "bc"}},
            "airflow.utils.state is not the code that was certified",
        ),
    ],
)
def test_a_change_voids_it_and_is_named(
    process: NewProcess, file: Path, change: Mapping[str, Any], reason: str
) -> None:
    """Also one that happens while the process runs, and until it is undone."""
    one = process(file=file)
    assert one.look() == ""
    one.now = replace(BOUND, **change)
    assert one.look() == f"its certificate is void: {reason}"
    one.now = BOUND
    assert one.look() == ""


@pytest.mark.parametrize("error", [StoreUnavailableError("silent"), ImportError("gone"), RuntimeError()])
def test_an_error_ends_its_use_until_the_next_look_succeeds(
    process: NewProcess, file: Path, error: Exception
) -> None:
    one = process(file=file)
    assert one.look() == ""
    one.errors.append(error)
    assert one.look() == f"its certificate cannot be checked ({type(error).__name__})"
    one.errors.clear()
    assert one.look() == ""


@pytest.mark.parametrize("text", ["", "{}", "x" * (1 << 21)])
def test_a_damaged_file_is_no_certificate(process: NewProcess, file: Path, text: str) -> None:
    file.write_text(text)
    assert process(file=file).look() == "its certificate cannot be checked (CertificateError)"
    file.unlink()
    assert process(file=file).look() == "its certificate cannot be checked (FileNotFoundError)"


def test_without_looks_it_lapses(process: NewProcess, file: Path) -> None:
    """A thread that hangs could not notice a withdrawal."""
    one = process(file=file)
    assert one.look() == ""
    one.clock.now += LAPSE_SECONDS + 1
    assert one.held.reason == "its certificate could not be checked for too long"
    assert one.look() == ""


def test_without_tables_a_file_is_not_enough(file: Path) -> None:
    one = Process(None, ManualClock(), file)
    assert one.look() == "without the plugin's tables, its certificate could not be withdrawn"


def test_where_no_withdrawal_could_be_written_it_is_not_used(
    table: Callable[..., CertificateTable], file: Path
) -> None:
    one = Process(table(create=False), ManualClock(), file)
    assert one.look() == "its certificate cannot be checked (StoreUnavailableError)"


@pytest.mark.parametrize("place", ["table", "file"])
def test_a_difference_withdraws_it_in_every_process(process: NewProcess, file: Path, place: str) -> None:
    """In that process at once, in the others with their next look, and in those that start later."""
    if place == "table":
        process().table.put(certificate(1).text())
    options = {"file": file} if place == "file" else {}
    one, other = process(**options), process(**options)
    assert one.look() == other.look() == ""
    one.held.withdraw(DIFFERENCE)
    assert (one.held.reason, one.held.n_withdrawn) == (WITHDRAWN, 1)
    one.look(0)
    for each in (one, other, process(**options)):
        assert each.look().startswith(f"{WITHDRAWN}: a decision differed on node at ")
        assert each.held.doubt == WITHDRAWN, "it names a metric"
    assert "chain" not in one.held.reason, "it is shown to every user of the page"


def test_a_withdrawal_waits_for_the_database(process: NewProcess, file: Path) -> None:
    one = process(file=file)
    one.look()
    one.held.withdraw(DIFFERENCE)
    table, one.held._table = one.held._table, None
    assert one.look(0) == WITHDRAWN
    one.held._table = table
    assert one.look(0).startswith(f"{WITHDRAWN}: a decision differed")


def test_after_a_withdrawal_only_a_newer_certificate_counts(process: NewProcess, file: Path) -> None:
    one = process(file=file)
    assert one.table is not None
    one.table.put(certificate(0).text())
    assert one.look() == ""
    one.held.withdraw(DIFFERENCE)
    assert one.look().startswith(WITHDRAWN), "the older one does not take its place"
    one.table.put(certificate(2).text())
    assert one.look() == ""


def test_the_progress_of_the_burn_in_is_that_of_the_cluster(process: NewProcess, file: Path) -> None:
    one, other = process(file=file), process(file=file)
    for each in (one, other):
        each.look()
        each.held.burn_in.note_agreed(CHAIN)
    one.look()
    other.look()
    one.look()
    for each in (one, other):
        assert each.held.burn_in._agreed == {shape_of(CHAIN): 2}
    assert one.table is not None
    assert one.table.read()[1][id_of(certificate(1).text())].agreed == {shape_of(CHAIN): 2}


def test_a_child_counts_for_itself(process: NewProcess, file: Path) -> None:
    one = process(file=file)
    one.look()
    one.held.burn_in.note_agreed(CHAIN)
    one.held.reset_after_fork()
    assert one.held.burn_in.take() == {}
    assert one.held.certificate is not None
