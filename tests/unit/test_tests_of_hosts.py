"""The tests of one host do not import those of the other, and what both share imports neither."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
# What must not be imported in each folder of tests; `undecodable` has a folder for each host, too.
FORBIDDEN = {
    "airflow2": ("tests.airflow3", "tests.undecodable.airflow3"),
    "airflow3": ("tests.airflow2", "tests.undecodable.airflow2"),
    "undecodable/airflow2": ("tests.airflow3", "tests.undecodable.airflow3"),
    "undecodable/airflow3": ("tests.airflow2", "tests.undecodable.airflow2"),
    "hosts": ("tests.airflow2", "tests.airflow3", "tests.undecodable"),
    "contracts": ("tests.airflow2", "tests.airflow3"),
    "support": ("tests.airflow2", "tests.airflow3"),
}


def imported(source: str) -> Iterator[str]:
    """The modules that a source names: in imports, and in strings, for a process that runs one with `-m`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            yield node.value


def is_below(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_the_tests_of_one_host_know_nothing_of_the_other(folder: str) -> None:
    paths = sorted((TESTS / folder).rglob("*.py"))
    assert paths, "the folder has moved: the rule would hold for nothing"
    wrong = [
        f"{path.relative_to(TESTS)} imports {module}"
        for path in paths
        for module in imported(path.read_text())
        if any(is_below(module, package) for package in FORBIDDEN[folder])
    ]
    assert not wrong


@pytest.mark.parametrize(
    "source",
    [
        "from tests.airflow3.support import cluster",
        "from tests import airflow3",
        "import tests.airflow3.conftest",
        "def f():\n    from tests.airflow3 import conftest",
        "run([python, '-m', 'tests.airflow3.figures'])",
    ],
)
def test_every_way_of_naming_a_module_is_seen(source: str) -> None:
    assert any(is_below(module, "tests.airflow3") for module in imported(source))
