"""The URL of the database with the tables. A URL that the configuration allows is one that the store can open.

Nothing is connected, and the driver itself is not imported: see `open_engines`.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

# In order of preference, where the URL names no driver.
_DRIVERS: Final = {
    "postgresql": ("psycopg2", "psycopg"),
    "mysql": ("pymysql", "MySQLdb"),
    "mariadb": ("pymysql", "MySQLdb"),
    "sqlite": ("sqlite3",),
}
_DRIVER_NAMES: Final = {"MySQLdb": "mysqldb", "sqlite3": "pysqlite"}
_MAX_PORT: Final = 65_535
ALLOWED: Final = (
    "sqlite:// and a file, postgresql://, mysql://, mariadb:// (with +driver or without, no asynchronous one)"
)


def parse_database_url(text: str) -> URL:
    """The URL, with the driver that will be used.

    Raises:
        ValueError: says what is wrong without repeating a part that may hold a password.
    """
    # Here, so that importing the package does not import SQLAlchemy.
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # their texts repeat the URL
        raise ValueError("it is not a URL") from None
    if url.drivername == "postgres":
        url = url.set(drivername="postgresql")
    if url.get_backend_name() not in _DRIVERS:
        raise ValueError("the database is none of these")
    if url.port is not None and not 0 < url.port <= _MAX_PORT:
        raise ValueError(f"the port is not 1 to {_MAX_PORT}")
    for module in _DRIVERS.get(url.drivername, ()):
        if importlib.util.find_spec(module) is not None:
            url = url.set(drivername=f"{url.drivername}+{_DRIVER_NAMES.get(module, module)}")
            break
    try:
        is_async = url.get_dialect().is_async
    except (NoSuchModuleError, ImportError):
        raise ValueError("the driver is unknown") from None
    if is_async:
        raise ValueError("the driver is asynchronous")
    if _is_in_memory(url):
        raise ValueError("each connection would have a database of its own in memory")
    return url


def _is_in_memory(url: URL) -> bool:
    name = url.database or ":memory:"
    return url.get_backend_name() == "sqlite" and (":memory:" in name or url.query.get("mode") == "memory")
