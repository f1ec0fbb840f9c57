"""The plugin's settings in the host's configuration."""

from __future__ import annotations

from sched_cache_airflow.conf import Settings, host_section, read_settings


def settings_of_host() -> Settings:
    """What the host's configuration says.

    Raises:
        ConfigError: an option is unknown or its value is not allowed.
    """
    from airflow.configuration import conf

    return read_settings(host_section(conf), host_database_url())


def host_database_url() -> str:
    """The URL of the metadata database."""
    from airflow.configuration import conf

    url: str = conf.get("database", "sql_alchemy_conn")
    return url
