"""The findings of the doctor without Airflow, or with an unsupported release."""

from __future__ import annotations

import importlib.util
from importlib import metadata

import pytest

from sched_cache_airflow.reporting.doctor import examine


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Distribution to version; `airflow` can be imported while there is any."""
    versions: dict[str, str] = {}

    def version(name: str) -> str:
        try:
            return versions[name]
        except KeyError:
            raise metadata.PackageNotFoundError(name) from None

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if versions else None)
    return versions


def test_nothing_without_airflow(installed: dict[str, str]) -> None:
    """The library has uses of its own."""
    assert examine() is None


@pytest.mark.parametrize(
    ("distribution", "version"), [("apache-airflow", "1.10.15"), ("apache-airflow-core", "4.0.0")]
)
def test_another_release_is_not_broken(installed: dict[str, str], distribution: str, version: str) -> None:
    """The plugin leaves it alone; nothing of it is looked at."""
    installed[distribution] = version
    examination = examine()
    assert examination is not None
    assert examination.config is None
    (finding,) = examination.findings
    assert finding.is_well
    assert finding.is_off
    assert version in finding.found
