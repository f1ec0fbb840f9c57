"""The options in the query of a Redis URL: those of redis-py and of Celery, each with its allowed range."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_TRUE, _FALSE = ("1", "t", "true", "y", "yes", "on"), ("0", "f", "false", "n", "no", "off")
_DEMANDS = {
    **dict.fromkeys(("none", "cert_none"), "none"),
    **dict.fromkeys(("optional", "cert_optional"), "optional"),
    **dict.fromkeys(("required", "cert_required"), "required"),
}

Reader = Callable[[str], Any]
"""Converts text to a value. Raises ValueError with the allowed range and without the text."""


def _truth(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError("true or false")


def _number(low: float, high: float) -> Reader:
    def read(text: str) -> float | None:
        if text.lower() in ("none", ""):
            return None
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:  # NaN is not either
            raise ValueError(f"{low:,} to {high:,}, or none")
        return number

    return read


def _integer(low: int, high: int) -> Reader:
    def read(text: str) -> int:
        # Celery and URLs may write a database as a path.
        digits = text.removeprefix("/")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 9 and low <= int(digits) <= high):
            raise ValueError(f"integer, {low:,} to {high:,}")
        return int(digits)

    return read


def _demand(text: str) -> str:
    try:
        return _DEMANDS[text.lower().removeprefix("ssl.")]
    except KeyError:
        raise ValueError("none, optional, required, CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED") from None


def word(text: str) -> str:
    """`text`, if it may name a file, a service or a user."""
    if not text or not text.isprintable():
        raise ValueError("printable characters, at least one")
    return text


read_db = _integer(0, 65_535)

OF_ALL: Mapping[str, Reader] = {
    "db": read_db,
    "virtual_host": read_db,
    # The following options are accepted, so that a URL made for Celery can be used as it is, but have no effect:
    # `redis_timeout_seconds` is the deadline of a call, calls are not retried, and connections are kept alive and
    # tested as this package needs it.
    "socket_timeout": _number(0.001, 86_400),
    "socket_connect_timeout": _number(0.001, 86_400),
    "socket_keepalive": _truth,
    "health_check_interval": _number(0, 86_400),
    "retry_on_timeout": _truth,
    "max_connections": _integer(1, 999_999_999),
    "timeout": _number(0, 86_400),
    "client_name": word,
    "protocol": _integer(2, 3),
}
OF_TLS: Mapping[str, Reader] = {
    "ssl_ca_certs": word,
    "ssl_ca_path": word,
    "ssl_certfile": word,
    "ssl_keyfile": word,
    "ssl_password": word,
    "ssl_cert_reqs": _demand,
    "ssl_check_hostname": _truth,
}
OF_SENTINEL: Mapping[str, Reader] = {
    "master_name": word,
    "service_name": word,
    "sentinel_username": word,
    "sentinel_password": word,
}


def read_options(pairs: list[tuple[str, str]], readers: Mapping[str, Reader]) -> dict[str, Any]:
    """The values of a query.

    Raises:
        ValueError: names an option and its range, or the known options. It repeats no value and no unknown name,
            because the rest of a password that contains a `?` is parsed as an option.
    """
    options: dict[str, Any] = {}
    for name, text in pairs:
        if name not in readers:
            raise ValueError(f"a query option is unknown here; known: {', '.join(sorted(readers))}")
        try:
            options[name] = readers[name](text)
        except ValueError as error:
            raise ValueError(f"{name} allows {error}") from None
    return options
