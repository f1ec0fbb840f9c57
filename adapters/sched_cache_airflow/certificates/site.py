"""The code of a site that takes part in scheduling decisions: strategies, timetables, policies and listeners.

Each function is named by its module and its name, with a digest of its code, so that a change of either is noticed.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any, Final

from sched_cache_airflow.patching.code_digest import UNREADABLE, digest_of

_OWN: Final = "sched_cache_airflow"
_DEFAULTS: Final = "airflow.policies"
_OF_PLUGINS: Final = ("timetables", "priority_weight_strategies", "ti_deps")


def strategies() -> tuple[str, ...]:
    """The timetables, priority weight strategies and dependencies in plugins."""
    from airflow import plugins_manager

    plugins_manager.ensure_plugins_loaded()
    read = getattr(plugins_manager, "_get_plugins", None)  # since 3.2
    plugins = read()[0] if read is not None else plugins_manager.plugins
    found = (getattr(plugin, name, None) or () for plugin in plugins or () for name in _OF_PLUGINS)
    return _named(one for some in found for one in some)


def policies() -> tuple[str, ...]:
    """The policies and hooks in `airflow_local_settings` and in plugins of the group `airflow.policy`."""
    from airflow import settings

    read = getattr(settings, "get_policy_plugin_manager", None)  # since 3.2
    manager = settings.POLICY_PLUGIN_MANAGER if read is None else read()
    return _named(_implementations(manager))


def listeners() -> tuple[str, ...]:
    """The functions of all listeners that are registered in this process."""
    from airflow.listeners.listener import get_listener_manager

    return _named(_implementations(get_listener_manager().pm))


def _implementations(manager: Any) -> Iterator[Any]:
    """The functions that a plugin manager of `pluggy` calls."""
    for plugin in manager.get_plugins():
        for caller in manager.get_hookcallers(plugin) or ():
            yield from (one.function for one in caller.get_hookimpls() if one.plugin is plugin)


def _named(members: Iterable[Any]) -> tuple[str, ...]:
    names = {_name(member) for member in members if _is_of_site(member)}
    return tuple(sorted(names))


def _is_of_site(member: Any) -> bool:
    module = str(getattr(inspect.unwrap(member), "__module__", ""))
    return module.partition(".")[0] != _OWN and module != _DEFAULTS


def _name(member: Any) -> str:
    code = inspect.unwrap(member if hasattr(member, "__qualname__") else type(member))
    try:
        digest = digest_of(inspect.getsource(code))
    except (OSError, TypeError, SyntaxError):
        digest = UNREADABLE
    return f"{code.__module__}.{code.__qualname__} ({digest[:8]})"
