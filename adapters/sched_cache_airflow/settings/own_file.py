"""The place of our tables: the metadata database, or a file beside it on SQLite."""

from __future__ import annotations

import os

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

_SUFFIX = ".sched_cache"
_OF_THE_HOST = ("mode", "immutable", "cache", "vfs")
"""Parameters in the URL of a file that tell how that file is opened."""


def url_of_tables(host_database_url: str) -> str:
    """The URL of the database for our tables, if the operator has not configured one.

    SQLite has one lock for a whole file. In the host's file, each of our writes would make the host wait, and fail with
    `database is locked` if it waits for too long or had begun to read. Therefore our tables are in a file of their own
    in the same folder: `airflow.sched_cache.db` beside `airflow.db`.
    """
    try:
        url = make_url(host_database_url)
        is_file = url.get_backend_name() == "sqlite" and url.database and ":memory:" not in url.database
    except ArgumentError:
        return host_database_url  # the error is reported when the URL is used
    if not is_file:
        return host_database_url
    database = url.database or ""
    stem, extension = os.path.splitext(database)
    query = {name: value for name, value in url.query.items() if name not in _OF_THE_HOST}
    chosen = url.set(database="", query=query).render_as_string(hide_password=False)
    # The database is not set in the URL, because SQLAlchemy 2 quotes characters that it does not unquote.
    place, mark, rest = chosen.partition("?")
    return f"{place}{stem}{_SUFFIX}{extension}{mark}{rest}"
