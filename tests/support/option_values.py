"""Values for options as operators may write them: some allowed, most at an edge of what is, many garbage."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence

from sched_cache.config.kind import DatabaseUrl, FieldNames, Flag, Name, Number, RedisAddress
from sched_cache.config.option import Option
from sched_cache_airflow.settings.settings import FilePath, Patterns

Source = random.Random

_GARBAGE = (
    "",
    " ",
    "\t",
    "None",
    "null",
    "nan",
    "NaN",
    "-inf",
    "1e999",
    "-1",
    "0",
    "-0.0",
    "9" * 400,
    "1_000",
    "٣",
    "0x10",
    "1,5",
    "5s",
    "true",
    "yes",
    "%",
    "%(x)s",
    "$HOME",
    "${X}",
    "'quoted'",
    '"quoted"',
    "a\nb",
    "a\x1bb",
    "ünïcödé",
    "\udcff",
    "*" * 300,
    "[",
    "[z-a]",
    "x" * 20_000,
    "{}",
    "[]",
    "; drop table dag; --",
    "a,b,,c,",
)
_DATABASES = (
    "postgresql://h:notaport/x",
    "postgresql://h:99999/x",
    "postgresql://h:0/x",
    "postgresql+asyncpg://a@h/x",
    "postgresql+psycopg_async://a@h/x",
    "mysql+nodriver://a@h/x",
    "mysql+asyncmy://a@h/x",
    "mysql+mysqlconnector://a@h/x",
    "mariadb+mariadbconnector://a@h/x",
    "postgresql+pg8000://a@h/x",
    "sqlite+aiosqlite:///x.db",
    "sqlite+pysqlcipher://:p@/x.db",
    "oracle://a@h/x",
    "mssql+pyodbc://a@h/x",
    "snowflake://a@h/x",
    "sqlite://",
    "sqlite:///:memory:",
    "sqlite:///x.db?timeout=abc",
    "sqlite:///x.db?check_same_thread=maybe",
    "postgresql://a@h/x?connect_timeout=abc",
    "mysql+pymysql://a@h/x?read_timeout=abc",
    "mysql+pymysql://a@h/x?ssl_ca=/nowhere",
    "postgresql://u:p@ss/w?rd@h/x",
    "postgresql:///",
    "postgresql://[::1/x",
    "postgresql://[::1]:5432/x",
    "postgres://a@h/x",
    "POSTGRESQL://a@h/x",
    "http://h/x",
    "postgresql//a@h/x",
    "postgresql://a@h/x?a=1&a=2&a=3",
    "postgresql+://a@h/x",
    "+psycopg2://a@h/x",
)
_REDIS = (
    "redis://h",
    "redis://h:0",
    "redis://h:99999",
    "redis://h:port/0",
    "redis://h/notadb",
    "redis://h/999999",
    "redis://:p@ss@h",
    "redis://a,b",
    "redis://[::1",
    "rediss://h?ssl_cert_reqs=none",
    "rediss://h?ssl_cert_reqs=perhaps",
    "rediss://h?ssl_ca_certs=/nowhere",
    "redis://h?socket_timeout=abc",
    "redis://h?unknown=1",
    "redis+sentinel://h",
    "redis+sentinel://h/master",
    "redis+sentinel://h/master/1/2",
    "redis+cluster://h/1",
    "redis+cluster://h",
    "sentinel://a;sentinel://b",
    "unix://",
    "unix:///run/redis.sock?db=x",
    "fake://",
    "fake://name/more",
    "memcached://h",
    "amqp://h",
    "http://h",
    "redis:h",
    "redis://",
)
_WORDS = (
    "SC_",
    "sc_",
    "1a",
    "a-b",
    "a.b",
    "a b",
    "x" * 31,
    "x" * 30,
    "_",
    "select",
    "ÄÖ",
    "a\x00b",
    "public",
    "Public",
)
_FIELDS = (
    "task.task_id",
    "task.owner",
    "dag.tags",
    "dag.dag_id",
    "task.downstream_task_ids",
    "dag.partial_kwargs",
    "task.",
    ".x",
    "tasks.x",
    "task.a.b",
    "owner",
    "task.trigger_rule,task.task_id",
)
_PATTERNS = (
    "*",
    "a*",
    "[",
    "]",
    "[!a]",
    "[z-a]*",
    "a b",
    "a/b",
    "**,**",
    "*a*a*a*a*a*a*a*b",
    "(",
    "a|b",
    "x" * 251,
    "ü*",
)

_PATHS = (
    "/no/such/file.json",
    "/",
    "/dev/null",
    "/dev/zero",
    "/etc",
    "certificate.json",
    "./certificate.json",
    "~/certificate.json",
    "C:\\certificate.json",
    "file:///certificate.json",
    "/a\nb",
    "/" + "x" * 999,
    "/" + "x" * 1000,
    "/ü*",
)


def values_for(option: Option, number: int, seed: int) -> list[str]:
    """`number` different texts for this option, the same for the same seed. No text has a NUL: no environment can."""
    source = random.Random(f"{seed} {option.name}")
    listed, make = _sources(option.kind, source)
    values = [text for text in dict.fromkeys((*listed, *_GARBAGE)) if "\x00" not in text]
    source.shuffle(values)
    while len(values) < number:
        text = make()
        if text not in values and "\x00" not in text:
            values.append(text)
    return values[:number]


def _sources(kind: object, source: Source) -> tuple[Sequence[str], Callable[[], str]]:
    if isinstance(kind, DatabaseUrl):
        return _DATABASES, lambda: _mutated(source, source.choice(_DATABASES))
    if isinstance(kind, RedisAddress):
        return _REDIS, lambda: _mutated(source, source.choice(_REDIS))
    if isinstance(kind, Name):
        return _WORDS, lambda: _text(source, source.randrange(1, 40))
    if isinstance(kind, FieldNames):
        return _FIELDS, lambda: _mutated(source, source.choice(_FIELDS))
    if isinstance(kind, Patterns):
        return _PATTERNS, lambda: _mutated(source, source.choice(_PATTERNS))
    if isinstance(kind, FilePath):
        return _PATHS, lambda: _mutated(source, source.choice(_PATHS))
    if isinstance(kind, Flag):
        return ("True", "FALSE", "1", "t"), lambda: _mutated(source, source.choice(("true", "false")))
    assert isinstance(kind, Number)
    low, high = kind.low, kind.high
    edges = [low, high, low - 1, high + 1, (low + high) / 2, low + 0.5]
    return [str(edge) for edge in edges], lambda: _number(source, low, high)


def _number(source: Source, low: float, high: float) -> str:
    value = source.uniform(low - 1, high * source.choice((1, 2)))
    return source.choice((f"{value}", f"{int(value)}", f"{value:e}", f" {int(value)} ", f"{int(value)}.0"))


def _text(source: Source, length: int) -> str:
    return "".join(source.choice(string.printable.strip() + "äß") for _ in range(length))


def _mutated(source: Source, text: str) -> str:
    letters = list(text)
    for _ in range(source.randrange(1, 4)):
        place = source.randrange(len(letters) + 1)
        what = source.randrange(3)
        if what == 0 and place < len(letters):
            del letters[place]
        elif what == 1 and place < len(letters):
            letters[place] = source.choice(string.printable.strip())
        else:
            letters.insert(place, source.choice(string.printable.strip()))
    return "".join(letters)
