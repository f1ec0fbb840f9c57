"""The components of an Airflow: their commands, and whether the one that serves requests answers."""

from __future__ import annotations

import urllib.request

HEALTH = {"api-server": "/api/v2/version", "webserver": "/health"}
"""A page of each component that serves requests."""
_HOST_OPTIONS = {"api-server": "--host", "webserver": "--hostname"}
SERVERS = {"airflow3": "api-server", "airflow2": "webserver"}
"""The component of each host that serves requests."""


def command(component: str, *, port: int = 0, n_workers: int = 1) -> tuple[str, ...]:
    """The arguments of `airflow`.

    Args:
        port, n_workers: of a component that serves requests.
    """
    if component in HEALTH:
        address = (_HOST_OPTIONS[component], "127.0.0.1", "--port", str(port))
        return (component, *address, "--workers", str(n_workers))
    if component in ("scheduler", "triggerer"):
        # Their log servers have fixed ports, which two of a machine cannot share.
        return component, "--skip-serve-logs"
    return (component,)


def answers(url: str, *, timeout_seconds: float = 2.0) -> bool:
    """Whether a request for this page succeeds."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_seconds):
            return True
    except OSError:
        return False
