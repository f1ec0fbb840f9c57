"""The worst values of each kind of option, spread over a handful of starts that have several of them at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

N_STARTS = 5
_HUGE, _BYTE = "9" * 400, "\udcff"

# Kind: five values for each of its options. An option is wrong in every start.
_VALUES: Mapping[str, tuple[str, ...]] = {
    "redis_url": (
        "redis://h:notaport/0",
        "http://127.0.0.1:1",
        "redis://127.0.0.1:1?socket_timeout=abc",
        f"redis+sentinel://h\n{_BYTE}",
        "rediss://127.0.0.1:1?ssl_cert_reqs=perhaps",
    ),
    "database_url": (
        "postgresql://h:notaport/x",
        "postgresql+asyncpg://a@127.0.0.1/x",
        "mysql+nodriver://a@127.0.0.1/x",
        f"{_BYTE}\n",
        "",
    ),
    "table_prefix": ("SC_", "", "x" * 31, f"a{_BYTE}", "; drop table dag; --"),
    "database_schema": ("Ä", "a.b", "1", "x" * 20_000, "a\nb"),
    "namespace": ("", "a b", "x" * 65, f"{_BYTE}", "a\nb"),
    "publish_contents": ("perhaps", "", "yes", _BYTE, "\n"),
    "wake_schedulers": ("2", "nan", "soon", "", "[]"),
    "queue_until_full": ("16", "nan", "full", "", "{}"),
    "background_refresh": ("2", "nan", "${X}", "[]", ""),
    "fast_path_exclude_dags": ("a b", "(", "x" * 251, _BYTE, "a\nb"),
    "hot_exclude": ("task.task_id", "owner", "task.", _BYTE, "dag.partial_kwargs"),
    "hot_include": ("dag.partial_kwargs", ".x", "tasks.x", "a\nb", "task.a.b"),
}
_NUMBERS = (
    "database_timeout_seconds",
    "database_pool_size",
    "redis_timeout_seconds",
    "redis_breaker_failures",
    "max_staleness_seconds",
    "full_certify_seconds",
    "l1_max_bytes",
    "l1_max_entries",
    "flight_wait_seconds",
    "max_content_bytes",
)
_NO_NUMBERS = ("nan", "1e999", _HUGE, "-1", "5s", "", _BYTE, "0x10", "a\nb", "-inf")
_UNKNOWN = ("redis_nonsense", "database_urls", "table_prefixes", "redis_", "database_" + "x" * 2_000)
_UNREADABLE: tuple[Mapping[str, str], ...] = (
    {"namespace_cmd": "false"},
    {"namespace_cmd": "/no/such/command"},
    {"namespace_secret": "no/such/secret"},
    {"namespace_cmd": "'"},
    {"namespace_secret": ""},
)


@dataclass(frozen=True, slots=True)
class WrongOptions:
    """Options that are wrong at once, by the names that the doctor has to say.

    is_off: whether one of them keeps the whole plugin off.
    """

    name: str
    environ: Mapping[str, str] = field(default_factory=dict)
    wrong: frozenset[str] = frozenset()
    is_off: bool = False


def starts() -> Iterator[WrongOptions]:
    """All of them. In the last two the plugin stays off as a whole."""
    for number in range(N_STARTS):
        chosen = {name: values[number] for name, values in _VALUES.items()}
        for place, name in enumerate(_NUMBERS):
            chosen[name] = _NO_NUMBERS[(place + 2 * number) % len(_NO_NUMBERS)]
        chosen[_UNKNOWN[number]] = "1"
        if number % 2:
            del chosen["namespace"]
            chosen |= _UNREADABLE[number]
        yield _wrong(f"in part {number + 1}", chosen)
    unreadable = {**_UNREADABLE[0], "redis_url_secret": "no/such/secret", "database_url_cmd": "false"}
    yield _wrong(
        "off 1",
        {"enabled": "maybe", "exclude_dags": "x" * 251, "exclude_dag": "a", **unreadable},
        is_off=True,
    )
    yield _wrong(
        "off 2",
        {
            "exclude_dags": "a\nb",
            "sched_cache": "",
            f"bytes{_BYTE}": _BYTE,
            "two\nlines": "a\nb",
            "x" * 2_000: "1",
            **{f"{name}_cmd": "/no/such/command" for name in ("namespace", "shadow_share")},
        },
        is_off=True,
    )


def _wrong(name: str, chosen: Mapping[str, str], *, is_off: bool = False) -> WrongOptions:
    names = {option.removesuffix("_cmd").removesuffix("_secret") for option in chosen}
    environ = {f"AIRFLOW__SCHED_CACHE__{option.upper()}": text for option, text in chosen.items()}
    return WrongOptions(name, environ, frozenset(names), is_off)
