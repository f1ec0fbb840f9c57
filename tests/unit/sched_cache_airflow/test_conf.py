"""The plugin's options, without a host."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from sched_cache.errors import ConfigError
from sched_cache_airflow.conf import host_section, read_settings

HOST_DATABASE = "postgresql://airflow@db/airflow"


class HostConf:
    """The part of Airflow's configuration object that is used: a section from its file, and single options."""

    def __init__(self, section: Mapping[str, str]) -> None:
        self._section = section

    def getsection(self, name: str) -> Mapping[str, str] | None:
        return self._section or None

    def has_option(self, section: str, name: str) -> bool:
        return name in self._section

    def get(self, section: str, name: str) -> str:
        return self._section.get(name, "from the environment")


def test_without_a_section_the_plugin_is_on_and_has_no_redis() -> None:
    """Installing it is enough; the tables are in the host's database."""
    settings = read_settings({}, HOST_DATABASE)
    assert settings.enabled
    assert settings.config.redis_url is None
    assert settings.config.database_url == HOST_DATABASE


def test_options_of_the_core_and_of_the_plugin_stand_in_one_section() -> None:
    """Each under its own name, in the words that the environment variables have."""
    section = {
        "enabled": "false",
        "l1_max_bytes": "1000000",
        "exclude_dags": "tmp_*, one",
        "redis_url": "redis://cache",
    }
    settings = read_settings(section, HOST_DATABASE)
    assert not settings.enabled
    assert settings.config.l1_max_bytes == 1_000_000
    assert settings.config.redis_url == "redis://cache"
    assert settings.exclude_dags == ("tmp_*", "one")


@pytest.mark.parametrize(
    ("dag_id", "is_excluded"), [("tmp_1", True), ("one", True), ("two", False), ("ones", False)]
)
def test_a_pattern_excludes_what_it_matches_as_a_whole(dag_id: str, is_excluded: bool) -> None:
    """`*` is any text; case matters, as it does for a dag_id."""
    assert read_settings({"exclude_dags": "tmp_*,one"}, HOST_DATABASE).excludes(dag_id) is is_excluded


@pytest.mark.parametrize("section", [{"enabeld": "true"}, {"enabled": "perhaps"}, {"l1_max_bytes": "-1"}])
def test_what_is_not_understood_is_named(section: dict[str, str]) -> None:
    """An unknown option, or a value that is not allowed."""
    with pytest.raises(ConfigError, match=next(iter(section))):
        read_settings(section, HOST_DATABASE)


def test_the_environment_counts_without_a_section_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host answers no section then, only single options."""
    monkeypatch.setenv("AIRFLOW__SCHED_CACHE__REDIS_URL", "redis://cache")
    assert host_section(HostConf({})) == {"redis_url": "from the environment"}
    assert host_section(HostConf({"enabled": "true"})) == {
        "enabled": "true",
        "redis_url": "from the environment",
    }
