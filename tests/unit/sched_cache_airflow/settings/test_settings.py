"""The plugin's options, without a host."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from sched_cache.errors import ConfigError
from sched_cache_airflow.settings.section import Unreadable, host_section, read_settings, understood_settings

HOST_DATABASE = "postgresql://airflow@db/airflow"


class HostConf:
    """The part of Airflow's configuration object that is used: the names in its file, and single options."""

    def __init__(self, section: Mapping[str, str]) -> None:
        self._section = section

    def has_section(self, name: str) -> bool:
        return bool(self._section)

    def options(self, name: str) -> list[str]:
        return list(self._section)

    def defaults(self) -> Mapping[str, str]:
        return {}

    def get(self, section: str, name: str) -> str:
        return self._section.get(name, "from the environment")


def test_without_a_section_the_plugin_is_on_and_has_no_redis() -> None:
    """Installing it is enough; the tables are in the host's database."""
    settings = read_settings({}, HOST_DATABASE)
    assert settings.enabled
    assert settings.config.redis_url is None
    assert settings.config.database_url == HOST_DATABASE


@pytest.mark.parametrize(
    ("host_schema", "section", "expected"),
    [
        ("airflow", {}, "airflow"),
        (None, {}, None),
        ("airflow", {"database_schema": "ours"}, "ours"),
        ("airflow", {"database_schema": ""}, None),
        ("airflow", {"database_url": HOST_DATABASE}, "airflow"),
        ("airflow", {"database_url": "postgresql://airflow@other/cache"}, None),
        ("no-identifier", {}, None),
    ],
)
def test_tables_beside_those_of_the_host_are_in_its_schema(
    host_schema: str | None, section: Mapping[str, str], expected: str | None
) -> None:
    """Nothing says that a user of Airflow may create tables elsewhere. A name that we cannot use changes nothing."""
    settings = read_settings(section, HOST_DATABASE, host_schema)
    assert settings.config.database_schema == expected


def test_a_file_has_no_schema() -> None:
    """SQLite would look for another file."""
    settings = read_settings({}, "sqlite:////home/airflow/airflow.db", "airflow")
    assert settings.config.database_schema is None


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


def failing(text: str) -> str:
    raise OSError(f"no such command: {text}")


def test_a_command_that_fails_is_a_wrong_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only that one, and without its text, which may hold a password."""
    monkeypatch.setenv("AIRFLOW__SCHED_CACHE__REDIS_URL_CMD", "cat /secret")
    section = host_section(HostConf({"enabled": "true"}), run_command=failing)
    assert section["enabled"] == "true"
    assert isinstance(section["redis_url"], Unreadable)
    assert "secret" not in section["redis_url"].reason
    (wrong,) = understood_settings(section, HOST_DATABASE).wrong
    assert wrong.name == "redis_url"


def test_a_value_stands_before_a_command_for_it() -> None:
    """As in the host."""
    conf = HostConf({"redis_url": "redis://a", "redis_url_cmd": "echo redis://b"})
    assert host_section(conf, run_command=failing) == {"redis_url": "redis://a"}


def test_a_host_database_that_is_none_of_ours_costs_the_tables_only() -> None:
    """Its dialect is the host's business."""
    settings = understood_settings({"redis_url": "redis://cache"}, "mssql+pyodbc://airflow@db/airflow")
    assert settings.enabled
    assert settings.fast_path
    assert not settings.shares
    assert settings.config.redis_url is None


def test_what_is_wrong_is_said_in_one_line() -> None:
    """This holds for any value."""
    section = {"l1_max_bytes": "1\n2" * 10_000, "a\nb": "c", "shadow_share": "9" * 400}
    for wrong in understood_settings(section, HOST_DATABASE).wrong:
        assert "\n" not in str(wrong)
        assert len(str(wrong)) < 2_000


@pytest.mark.parametrize("pattern", ["a b", "x" * 251, "a/b", "(a|b)"])
def test_a_pattern_that_no_dag_id_can_match_is_refused(pattern: str) -> None:
    """It would exclude nothing, and nothing would say so."""
    with pytest.raises(ConfigError, match="exclude_dags"):
        read_settings({"exclude_dags": pattern}, HOST_DATABASE)
