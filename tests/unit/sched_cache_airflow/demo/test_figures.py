from __future__ import annotations

import pytest

from sched_cache_airflow.demo.figures import Row, Section, in_words, sections, table
from sched_cache_airflow.demo.plan import LOOP_SIZES, SIZES

_NAMES = ("load_seconds", "first_load_seconds", "loaded_bytes", "used_bytes")


def measured(amount: float) -> dict[int, dict[str, float]]:
    """The output of a process in which everything takes `amount`."""
    found = {n_tasks: dict.fromkeys(_NAMES, amount) for n_tasks in SIZES}
    for n_tasks in LOOP_SIZES:
        found[n_tasks]["loop_seconds"] = amount
    return found


def test_all_that_was_measured_is_in_the_table() -> None:
    """Each size in each section, a size that was left out in none."""
    found = sections(measured(10.0), measured(2.0), (30.0, 0.1))
    assert [len(section.rows) for section in found] == [4, 4, 4, 4, 3, 1]
    lines = table(found).splitlines()
    for section in found:
        assert section.title in lines
    assert sum("5.0 x" in line for line in lines) == 19
    assert "300 x" in lines[-1]


def test_the_table_fits_a_terminal() -> None:
    """Of ninety columns, whatever the figures."""
    rows = [Row(2_000, 1e5, 1e-7, "s"), Row(100, 0.0, 1.0, "B"), Row(1, 1.0, 0.0, "s")]
    for line in table([Section("title", rows)]).splitlines():
        assert len(line) <= 90


def test_what_got_worse_has_no_bar() -> None:
    """And its ratio says so."""
    line = table([Section("title", [Row(100, 1.0, 2.0, "s")])]).splitlines()[-1]
    assert "0.5 x" in line
    assert "█" not in line


@pytest.mark.parametrize(
    ("amount", "unit", "words"),
    [
        (12.34, "s", "12.3 s"),
        (0.01234, "s", "12.3 ms"),
        (0.0001234, "s", "123 us"),
        (12_300_000, "B", "12.3 MB"),
        (12_300, "B", "12 kB"),
    ],
)
def test_amounts_are_in_units_that_are_easy_to_read(amount: float, unit: str, words: str) -> None:
    """Three digits at most."""
    assert in_words(amount, unit) == words
