from __future__ import annotations

import pytest

from sched_cache.config import redact_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://cache:6379/0", "redis://cache:6379/0"),
        ("redis://:secret@cache:6379/0", "redis://***@cache:6379/0"),
        ("rediss://user:secret@cache/1?ssl_keyfile=/k", "rediss://***@cache/1?***"),
        ("postgresql+psycopg2://user:secret@db/airflow", "postgresql+psycopg2://***@db/airflow"),
        ("redis+sentinel://:secret@a:1,b:2/name/0", "redis+sentinel://***@a:1,b:2/name/0"),
        ("unix://:secret@/run/redis.sock?db=1", "unix://***@/run/redis.sock?***"),
        ("sqlite:///dags.db", "sqlite:///dags.db"),
        ("postgresql://db/airflow?password=secret", "postgresql://db/airflow?***"),
    ],
)
def test_shows_all_but_credentials_and_options(url: str, shown: str) -> None:
    """Host, port and path help to find a mistake; user, password and query may open a door."""
    assert redact_url(url) == shown


@pytest.mark.parametrize("sign", ["/", "?", "#", "@", ":", "[", "]", "%", " ", "\\", "é", "℀"])
@pytest.mark.parametrize("form", ["redis://:{}@cache:1/0", "redis://u:{}@cache", "{}@cache", "x:{}@cache"])
def test_no_part_of_an_unescaped_password_is_shown(sign: str, form: str) -> None:
    """However a password makes the URL fall apart, nothing of it is shown."""
    for password in (f"tops{sign}ecret", f"{sign}topsecret", f"topsecret{sign}", f"12{sign}topsecret"):
        shown = redact_url(form.format(password))
        assert "top" not in shown
        assert "secret" not in shown
