from __future__ import annotations

import traceback
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from sched_cache.config import Config, options
from sched_cache.errors import ConfigError

OPTIONS = {declared.name: declared for declared in options(Config)}


def test_defaults_are_allowed() -> None:
    """Nobody has to set anything."""
    assert Config.load({}) == Config()


def test_load_reads_its_variables_and_no_others() -> None:
    """Variables that do not begin with SCHED_CACHE__ belong to other programs."""
    config = Config.load(
        {
            "SCHED_CACHE__L1_MAX_BYTES": "1000000",
            "SCHED_CACHE__MAX_STALENESS_SECONDS": "0.5",
            "SCHED_CACHE__CREATE_TABLES": "False",
            "SCHED_CACHE__REDIS_URL": "",
            "SCHED_CACHE__HOT_INCLUDE": "task.owner, dag.tags,",
            "SCHED_CACHE_HOME": "/home",
            "AIRFLOW__SCHEDULER__X": "1",
        }
    )
    assert config == Config(
        l1_max_bytes=1_000_000,
        max_staleness_seconds=0.5,
        create_tables=False,
        redis_url=None,
        hot_include=("task.owner", "dag.tags"),
    )


def test_load_reads_the_environment_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument."""
    monkeypatch.setenv("SCHED_CACHE__NAMESPACE", "other")
    assert Config.load().namespace == "other"


@pytest.mark.parametrize("variable", ["SCHED_CACHE__REDIS_URLL", "SCHED_CACHE__X", "sched_cache__redis_url"])
def test_unknown_variable_is_an_error_that_hides_its_value(variable: str) -> None:
    """A misspelt name says which names there are; its value may be a password."""
    with pytest.raises(ConfigError) as caught:
        Config.load({variable: "redis://:topsecret@cache"})
    assert caught.value.option == variable
    assert "SCHED_CACHE__REDIS_URL" in caught.value.allowed
    assert "secret" not in str(caught.value)


WRONG: dict[str, tuple[Any, ...]] = {
    "database_url": (
        "",
        "oracle://db",
        5,
        "postgresql://h:notaport/x",
        "postgresql://h:70000/x",
        "postgresql+asyncpg://a@h/x",
        "mysql+nodriver://a@h/x",
        "sqlite://",
    ),
    "database_schema": ("", "a b", "a;drop", "x" * 31),
    "table_prefix": ("", "1a", "a-b", None, "SC_", "x" * 31),
    "create_tables": (1, "true", None),
    "redis_url": ("", "http://cache", "redis://a,b", 5),
    "namespace": ("", "a:b", "a b", "x" * 65),
    "hot_include": ("task.owner", ["task.owner"], ("owner",), ("task.",), (5,)),
    "hot_exclude": (("dags.x",), ("task.task_id",), ("dag.partial_kwargs",)),
}


def wrong_values() -> list[tuple[str, Any]]:
    wrong = [(name, value) for name, values in WRONG.items() for value in values]
    for name, declared in OPTIONS.items():
        if name in WRONG:
            continue
        low, high = declared.kind.low, declared.kind.high  # type: ignore[attr-defined]  # all others are numbers
        wrong += [
            (name, value)
            for value in (low - 1, high + 1, 10**400, float("nan"), float("inf"), "1", None, True)
        ]
        if declared.kind.is_integer:  # type: ignore[attr-defined]  # as above
            wrong.append((name, low + 0.5))
    return wrong


@pytest.mark.parametrize(("name", "value"), wrong_values())
def test_value_out_of_range_names_option_value_and_range(name: str, value: Any) -> None:
    """Whoever reads the error knows what to change."""
    with pytest.raises(ConfigError) as caught:
        Config(**{name: value})
    assert caught.value.option == name
    assert OPTIONS[name].kind.allowed in caught.value.allowed


@pytest.mark.parametrize("declared", OPTIONS.values(), ids=OPTIONS)
def test_bounds_themselves_are_allowed(declared: Any) -> None:
    """`low` and `high` as CONFIG.md gives them."""
    if hasattr(declared.kind, "low"):
        for value in (declared.kind.low, declared.kind.high):
            both = {"redis_breaker_min_seconds": 0.01, "redis_breaker_max_seconds": 3600}
            config = Config(**{**both, declared.name: value})
            assert getattr(config, declared.name) == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [("L1_MAX_BYTES", "1e6"), ("L1_MAX_BYTES", ""), ("NAMESPACE", ""), ("CREATE_TABLES", "1")],
)
def test_text_that_spells_no_value(variable: str, text: str) -> None:
    """An empty variable is a value, and where none is allowed an error."""
    with pytest.raises(ConfigError):
        Config.load({f"SCHED_CACHE__{variable}": text})


def test_breaker_may_not_open_longer_than_it_may() -> None:
    """The two bounds of one range belong together."""
    with pytest.raises(ConfigError, match="at least redis_breaker_min_seconds"):
        Config(redis_breaker_min_seconds=5, redis_breaker_max_seconds=4)


@pytest.mark.parametrize("name", ["database_url", "redis_url"])
@pytest.mark.parametrize(
    "url", ["redis://:topsecret@ca che", "nothing://u:topsecret@db", "redis://:top/secret@x", "topsecret@x"]
)
def test_no_password_in_an_error(name: str, url: Any) -> None:
    """Neither in its text, nor in its attributes, nor in what caused it."""
    with pytest.raises(ConfigError) as caught:
        Config(**{name: url})
    assert "secret" not in "".join(traceback.format_exception(caught.value))
    assert "secret" not in repr(vars(caught.value))


def test_repr_shows_what_was_chosen_without_passwords() -> None:
    """A config is printed by `doctor`, in logs and by failing tests."""
    config = Config(
        database_url="postgresql://u:topsecret@db/x", redis_url="redis://:topsecret@c", l1_max_bytes=5
    )
    assert repr(config) == (
        "Config(database_url='postgresql://***@db/x', l1_max_bytes=5, redis_url='redis://***@c')"
    )
    assert str(config) == repr(config)


def test_is_frozen() -> None:
    """A checked value cannot be changed."""
    with pytest.raises(FrozenInstanceError):
        Config().namespace = "other"  # type: ignore[misc]  # the point of the test
