"""Kinds of option values: how a value is read from text, checked and shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sched_cache.config.database_url import ALLOWED as ALLOWED_DATABASE_URLS
from sched_cache.config.database_url import parse_database_url
from sched_cache.config.redis_url import ALLOWED as ALLOWED_REDIS_URLS
from sched_cache.config.redis_url import parse_redis_url
from sched_cache.config.url import redact_url


class Kind(Protocol):
    """A kind of option values."""

    @property
    def allowed(self) -> str:
        """The range in words, for errors and CONFIG.md."""
        ...

    def read(self, text: str) -> Any:
        """The value of the text of an environment variable. Raises ValueError if the text has none."""
        ...

    def check(self, value: Any) -> None:
        """Raises ValueError, with a reason or without, when `value` is not of this kind."""
        ...

    def show(self, value: Any) -> object:
        """`value` in a form that may be logged, without passwords."""
        ...


@dataclass(frozen=True, slots=True)
class Number:
    """An integer, or with `is_integer` off a finite number, from `low` to `high`, both included."""

    low: float
    high: float
    is_integer: bool = False

    @property
    def allowed(self) -> str:
        return f"{'integer, ' if self.is_integer else ''}{self.low:,} to {self.high:,}"

    def read(self, text: str) -> int | float:
        return int(text) if self.is_integer else float(text)

    def check(self, value: Any) -> None:
        right_type = int if self.is_integer else (int, float)
        if isinstance(value, bool) or not isinstance(value, right_type):
            raise ValueError
        if not self.low <= value <= self.high:  # rejects NaN, too
            raise ValueError

    def show(self, value: Any) -> object:
        return value


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    allowed: str = "true, false"

    def read(self, text: str) -> bool:
        return {"true": True, "false": False}[text.lower()]

    def check(self, value: Any) -> None:
        if not isinstance(value, bool):
            raise ValueError

    def show(self, value: Any) -> object:
        return value


@dataclass(frozen=True, slots=True)
class Name:
    """A word that matches `pattern`; with `is_optional`, also None (in the environment: empty)."""

    pattern: str
    allowed: str
    is_optional: bool = False

    def read(self, text: str) -> str | None:
        return None if self.is_optional and not text else text

    def check(self, value: Any) -> None:
        if value is None and self.is_optional:
            return
        if not isinstance(value, str) or not re.fullmatch(self.pattern, value):
            raise ValueError

    def show(self, value: Any) -> object:
        return value


TABLE_PREFIX: Final = Name(
    r"[a-z_][a-z0-9_]{0,29}", "30 at most of a-z, 0-9 and _, not beginning with a digit"
)
"""No capitals: a database that folds names would take a quoted and an unquoted name for different ones."""

FIXED_FIELDS: Final = ("task_id", "downstream_task_ids", "_downstream_task_ids", "partial_kwargs")
"""Fields that the compact format itself needs."""


@dataclass(frozen=True, slots=True)
class FieldNames:
    """A tuple of names of serialized fields; in the environment, separated by commas."""

    allowed: str = "`task.FIELD` and `dag.FIELD`, separated by commas, without " + ", ".join(FIXED_FIELDS)

    def read(self, text: str) -> tuple[str, ...]:
        return tuple(name.strip() for name in text.split(",") if name.strip())

    def check(self, value: Any) -> None:
        if not isinstance(value, tuple):
            raise ValueError
        for name in value:
            if not isinstance(name, str) or not re.fullmatch(r"(task|dag)\.\w+", name):
                raise ValueError
            if name.partition(".")[2] in FIXED_FIELDS:
                raise ValueError

    def show(self, value: Any) -> object:
        return value


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A URL of SQLAlchemy for a database that the store knows."""

    allowed: str = ALLOWED_DATABASE_URLS

    def read(self, text: str) -> str:
        return text

    def check(self, value: Any) -> None:
        if not isinstance(value, str):
            raise ValueError
        parse_database_url(value)

    def show(self, value: Any) -> object:
        return redact_url(value) if isinstance(value, str) else type(value)


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A URL that `parse_redis_url` reads, or None (in the environment: empty)."""

    allowed: str = ALLOWED_REDIS_URLS + ", or empty for no Redis"

    def read(self, text: str) -> str | None:
        return text or None

    def check(self, value: Any) -> None:
        if value is None:
            return
        if not isinstance(value, str):
            raise ValueError
        parse_redis_url(value)

    def show(self, value: Any) -> object:
        return redact_url(value) if isinstance(value, str) else value
