"""Reads `Settings` from a section of the host's configuration, option by option, so that a wrong option costs only
its own part.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from sched_cache.config import Config
from sched_cache.errors import ConfigError
from sched_cache_airflow.settings.own_file import url_of_tables
from sched_cache_airflow.settings.settings import CORE_OPTIONS, HOST_DEFAULTS, OWN_OPTIONS, SECTION, Settings
from sched_cache_airflow.settings.wrong_options import Cost, WrongOption, cost_of, wrong_option

PREFIX = f"AIRFLOW__{SECTION.upper()}__"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The value of an option that could not be read."""

    reason: str


Section = Mapping[str, "str | Unreadable"]


def host_section(
    conf: Any, run_command: Callable[[str], str] = str, read_secret: Callable[[str], str | None] = str
) -> dict[str, str | Unreadable]:
    """The section in the host's configuration object: file, environment, commands and secrets.

    Never raises: an option that cannot be read is a wrong option.

    Args:
        run_command: returns the output of a command line. The host runs only the commands of its own options.
        read_secret: returns a value of the host's secrets backend by name; None if it has none.
    """
    readers: dict[str, Callable[[str], str | None]] = {"_cmd": run_command, "_secret": read_secret}
    try:
        named = set(conf.options(SECTION)) - set(conf.defaults()) if conf.has_section(SECTION) else set()
    except Exception as error:
        return {"*": Unreadable(f"section [{SECTION}] cannot be read: {type(error).__name__}")}
    named |= {variable[len(PREFIX) :].lower() for variable in os.environ if variable.startswith(PREFIX)}
    found: dict[str, str | Unreadable] = {}
    # A direct value takes precedence over a command and a secret.
    for spelt in sorted(named, key=lambda name: (name.endswith(tuple(readers)), name)):
        suffix = next((suffix for suffix in readers if spelt.endswith(suffix)), "")
        name = spelt.removesuffix(suffix)
        if name in found:
            continue
        try:
            text = conf.get(SECTION, spelt)
            value = readers[suffix](text) if suffix else text
            found[name] = Unreadable("the secrets backend does not have it") if value is None else str(value)
        except Exception as error:
            # Without its text, which may contain the command or the value.
            found[name] = Unreadable(f"its value cannot be read: {type(error).__name__}")
    return found


def read_settings(
    section: Section, host_database_url: str | Unreadable, host_schema: str | None = None
) -> Settings:
    """The settings in a section of the host's configuration.

    Raises:
        ConfigError: an option is unknown or its value is not allowed.
    """
    settings, errors = _understood(section, host_database_url, host_schema)
    for error in errors:
        raise error
    return settings


def understood_settings(
    section: Section, host_database_url: str | Unreadable, host_schema: str | None = None
) -> Settings:
    """The same settings, with wrong options in `wrong`, and the parts that they affect switched off. Never raises.

    Args:
        section: option -> text, as in the host.
        host_database_url: of the metadata database. Unless `database_url` names another database, it contains our
            tables; on SQLite, a file beside it does.
        host_schema: of the host's tables, and of ours if they are in that database; None: the default schema.
    """
    return _understood(section, host_database_url, host_schema)[0]


def _understood(
    section: Section, host_database_url: str | Unreadable, host_schema: str | None
) -> tuple[Settings, list[ConfigError]]:
    chosen: dict[str, Any] = {}
    wrong: list[WrongOption] = []
    errors: list[ConfigError] = []
    of_tables = url_of_tables(host_database_url) if isinstance(host_database_url, str) else host_database_url
    texts = {"database_url": of_tables, **section}
    if (
        host_schema
        and texts["database_url"] == host_database_url
        and _is_allowed("database_schema", host_schema)
    ):
        texts.setdefault("database_schema", host_schema)
    for name, text in texts.items():
        try:
            chosen[name] = _value(name, text)
        except ConfigError as error:
            errors.append(error)
            wrong.append(wrong_option(name, error))
    own = {name: value for name, value in chosen.items() if name in OWN_OPTIONS}
    core = {**HOST_DEFAULTS, **{name: value for name, value in chosen.items() if name in CORE_OPTIONS}}
    try:
        config = Config(**core)
    except ConfigError as error:  # two options that contradict each other
        errors.append(error)
        wrong.append(wrong_option(error.option, error))
        config = Config(**_without(core, cost_of(error.option)))
    return without(Settings(config=config, **own), wrong), errors


def without(settings: Settings, wrong: list[WrongOption]) -> Settings:
    """`settings` without the parts that these wrong options switch off."""
    for cost in {one.cost for one in wrong}:
        if cost in (Cost.REDIS, Cost.TABLES):
            core = {name: getattr(settings.config, name) for name in CORE_OPTIONS}
            settings = replace(settings, config=Config(**_without(core, cost)))
        for name in _SWITCHED_OFF.get(cost, ()):
            off: dict[str, Any] = {name: False}
            settings = replace(settings, **off)
    return replace(settings, wrong=(*settings.wrong, *wrong))


_SWITCHED_OFF = {
    Cost.PLUGIN: ("enabled",),
    Cost.FAST_PATH: ("fast_path",),
    Cost.TABLES: ("shares", "publish_contents"),
    Cost.PUBLISHING: ("publish_contents",),
    Cost.REFRESH: ("background_refresh",),
    Cost.WAKE: ("wake_schedulers",),
    Cost.QUEUE: ("queue_until_full",),
}


def _without(core: Mapping[str, Any], cost: Cost) -> dict[str, Any]:
    gone = (Cost.REDIS, Cost.TABLES) if cost is Cost.TABLES else (cost,)
    return {**{name: value for name, value in core.items() if cost_of(name) not in gone}, "redis_url": None}


def _value(name: str, text: str | Unreadable) -> Any:
    declared = OWN_OPTIONS.get(name) or CORE_OPTIONS.get(name)
    if isinstance(text, Unreadable):
        raise ConfigError(f"[{SECTION}] {name}", "***", text.reason)
    if declared is None:
        known = [*OWN_OPTIONS, *CORE_OPTIONS]
        similar = get_close_matches(name[:_MAX_NAME], known, n=3)
        raise ConfigError(f"[{SECTION}] {name}", "***", ", ".join(similar or known))
    value = declared.read(text)
    declared.check(value)
    return value


def _is_allowed(name: str, text: str) -> bool:
    try:
        _value(name, text)
    except ConfigError:
        return False
    return True


_MAX_NAME = 100
