"""The plugin's settings in the host's configuration."""

from __future__ import annotations

from typing import Any

from sched_cache_airflow.settings.section import (
    Unreadable,
    host_section,
    read_settings,
    understood_settings,
    without,
)
from sched_cache_airflow.settings.settings import Settings
from sched_cache_airflow.settings.wrong_options import WrongOption, wrong_option

_found: Settings | None = None


def settings_of_host() -> Settings:
    """The settings in the host's configuration. Options that cannot be used are in `wrong`. Never raises.

    Read once: a process that is forked later gets the same.
    """
    global _found
    if _found is None:
        _found = _tried(understood_settings(section_of_host(), _host_database_url(), host_schema()))
    return _found


def forget_settings() -> None:
    """Lets the next call read the configuration again."""
    global _found
    _found = None


def strict_settings_of_host() -> Settings:
    """The same for a command, which must not continue if an option is wrong.

    Raises:
        ConfigError: an option is unknown or its value is not allowed.
    """
    return read_settings(section_of_host(), _host_database_url(), host_schema())


def section_of_host() -> dict[str, str | Unreadable]:
    """The section `[sched_cache]` of the host that is installed."""
    from airflow.configuration import conf

    return host_section(conf, _output_of, _secret)


def host_database_url() -> str:
    """The URL of the metadata database."""
    from airflow.configuration import conf

    url: str = conf.get("database", "sql_alchemy_conn")
    return url


def host_schema() -> str | None:
    """The schema that Airflow's own tables are in; None for the default one of the connection. Never raises."""
    from airflow.configuration import conf

    try:
        schema: str | None = conf.get("database", "sql_alchemy_schema", fallback=None)
    except Exception:  # Airflow cannot read it either, and says so
        return None
    return (schema or "").strip() or None


def _host_database_url() -> str | Unreadable:
    try:
        return host_database_url()
    except Exception as error:
        return Unreadable(f"[database] sql_alchemy_conn cannot be read: {type(error).__name__}")


def _output_of(command: str) -> str:
    import airflow.configuration as module

    return str(module.run_command(command))


def _secret(name: str) -> str | None:
    import airflow.configuration as module

    # A method in Airflow 3, a function in Airflow 2.11.
    reader = "_get_config_value_from_secret_backend"
    value: Any = getattr(module.conf, reader, None) or getattr(module, reader)
    found = value(name)
    return None if found is None else str(found)


def _tried(settings: Settings) -> Settings:
    """`settings` without the tiers that cannot be created from them. Opens no connection."""
    from sched_cache.clock import SystemClock
    from sched_cache.stats import Stats
    from sched_cache.store.redis import open_l2
    from sched_cache.store.sql import SqlStore

    wrong: list[WrongOption] = []
    if not settings.enabled:
        return settings
    if settings.shares:
        try:
            SqlStore.configured(settings.config).close()
        except Exception as error:
            wrong.append(wrong_option("database_url", error))
    if settings.config.redis_url is not None:
        try:
            open_l2(settings.config, Stats(), SystemClock()).close()
        except Exception as error:
            # The text may contain the password, unless the error is a missing library.
            what = error if isinstance(error, ImportError) else ""
            wrong.append(wrong_option("redis_url", f"option redis_url: {type(error).__name__} {what}"))
    return without(settings, wrong) if wrong else settings
