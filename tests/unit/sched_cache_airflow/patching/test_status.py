"""Which releases of Airflow are changed, and what is said of the others."""

from __future__ import annotations

import logging
from importlib import metadata
from typing import Any

import pytest

from sched_cache_airflow import releases
from sched_cache_airflow.patching.status import Status
from sched_cache_airflow.releases import WORKS_WITHOUT_THE_PLUGIN
from sched_cache_airflow.settings.settings import Settings


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Distribution to version."""
    versions: dict[str, str] = {}

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(releases.metadata, "version", version)
    monkeypatch.setattr("sched_cache_airflow.settings.host_settings.settings_of_host", Settings)
    return versions


@pytest.mark.parametrize(
    ("distributions", "part"),
    [
        ({"apache-airflow-core": "3.3.2", "apache-airflow": "3.3.2"}, "airflow3"),
        ({"apache-airflow-core": "3.3.0", "apache-airflow": "3.3.0"}, "airflow3"),
        ({"apache-airflow-core": "3.2.2", "apache-airflow": "3.2.2"}, "airflow3"),
        ({"apache-airflow-core": "3.2.0", "apache-airflow": "3.2.0"}, "airflow3"),
        ({"apache-airflow-core": "3.1.8", "apache-airflow": "3.1.8"}, "airflow3"),
        ({"apache-airflow": "2.11.2"}, "airflow2"),
        ({"apache-airflow": "2.10.5"}, "airflow2"),
        ({"apache-airflow": "2.9.3"}, "airflow2"),
    ],
)
def test_a_known_release_gets_its_parts(
    installed: dict[str, str], distributions: dict[str, str], part: str
) -> None:
    """And both have what the entry points ask for."""
    installed.update(distributions)
    status = Status()
    assert status.decide()
    for name in ("host", "writes"):
        assert status.has_part(name)
    assert status.has_part("ui") == (part == "airflow3")
    assert status._parts.endswith(part)


@pytest.mark.parametrize("version", ["1.10.15", "2.8.4", "2.12.0", "3.0.6", "3.4.0b2", "4.0.0"])
def test_an_unknown_release_is_left_alone_and_told_once(
    installed: dict[str, str], version: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One line, however often it is asked, which also says what works there."""
    installed["apache-airflow"] = version
    status = Status()
    with caplog.at_level(logging.INFO):
        assert not any(status.decide() for _ in range(3))
    (record,) = caplog.records
    assert f"stays off: Airflow {version} is not supported, only 3.3.x" in record.message
    assert record.message.endswith(f"; {WORKS_WITHOUT_THE_PLUGIN}")
    assert "\n" not in record.message
    assert not status.has_part("host")


@pytest.mark.parametrize("version", ["2.11.2", "3.0.6"])
def test_who_switched_it_off_is_told_nothing(
    installed: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, version: str
) -> None:
    """Commands of the host print to the same stream."""
    off: Any = lambda: Settings(enabled=False)  # noqa: E731
    monkeypatch.setattr("sched_cache_airflow.settings.host_settings.settings_of_host", off)
    installed["apache-airflow"] = version
    with caplog.at_level(logging.INFO):
        assert not Status().decide()
    assert not caplog.records
