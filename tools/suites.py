"""The steps of `make test`."""

from __future__ import annotations

import sys

from tools.environments import ENVIRONMENTS
from tools.steps import Step

_CORE = "core-3.11"
_OTHER_PYTHONS = ("core-3.10", "core-3.12", "core-3.13")
_HOSTS = {"airflow-3.3.2": "tests/airflow3", "airflow-2.11.2": "tests/airflow2"}
# A host that runs on none of our Pythons: the tests start it from beside.
_OLD_HOST, _OLD_HOST_TESTS = "airflow-1.10.15", "tests/airflow1"

# Releases that are tested in short, beside the two hosts above: in `make test` the newest patch release of each minor
# release that is served, in `make test-releases` each one that `releases.py` calls tested.
_NEWEST_PATCHES = ("airflow-2.10.5",)
_OTHER_PATCHES = ("airflow-3.3.1", "airflow-3.3.0", "airflow-2.10.4", "airflow-2.10.2")
_OF_A_RELEASE = {
    "airflow3": ("known_code", "installation", "release_differences", "held_dags", "run_creation", "metrics"),
    "airflow2": ("known_code", "installation", "dag_bag", "run_creation", "stored_rows"),
}
_LOOPS = {"newest": 60, "all": 100}

_PYTEST = ("-m", "pytest", "-q", "-p", "tools.noted_tests")

_CORE_TESTS = (
    "tests",
    *(f"--ignore={folder}" for folder in (*_HOSTS.values(), _OLD_HOST_TESTS, "tests/packaging")),
)

# Processes of their own for minutes, and what differs where there is one writer.
_END_TO_END = {name: f"{folder}/test_end_to_end.py" for name, folder in _HOSTS.items()}
_ON_SQLITE = tuple(
    f"tests/airflow3/test_{name}.py"
    for name in (
        "content_races",
        "excluded_dags",
        "missing_dag",
        "removed_versions",
        "sqlite_locks",
        "write_events",
    )
)

# Half of the time of that host, beside the other half.
_LONG = tuple(
    f"tests/airflow3/test_{name}.py"
    for name in (
        "decisions_each_rule_is_needed",
        "fast_path",
        "forks",
        "options",
        "scheduling_decisions_differential",
        "two_schedulers",
        "undecodable_entry_points",
        "undecodable_fields",
        "whole_runs",
    )
)

# What does not depend on the interpreter runs on one: minutes each, or servers that are hurt, or the harness, which
# compares with the rivals of today and so says nothing about the lowest versions.
_ONCE_ONLY = tuple(
    f"--ignore=tests/{name}"
    for name in ("chaos", "simple_scheduler", "simulation", "fuzz", "servers", "unit/bench")
)
# What depends on servers and on the versions of libraries, and hardly on the interpreter: on the newest and the lowest.
_NOT_BY_INTERPRETER = tuple(
    f"--ignore=tests/unit/{name}"
    for name in (
        "store/redis",
        *(f"store/sql/test_{name}.py" for name in ("as_run", "deadlines", "outage", "pgbouncer")),
        "cli/test_troubles.py",
        "cli/test_database_examination.py",
        "sched_cache_airflow/triggers",
    )
)
_FEWER_FORKS = ("env", "SCHED_CACHE_FORKS=30")


def steps() -> list[Step]:
    """All of them; those that others wait for longest come first."""
    return [
        *(_environment(name) for name in (_CORE, *_HOSTS, "lowest", *_OTHER_PYTHONS, _OLD_HOST)),
        _core("ruff check", "ruff", "check", "--output-format", "concise"),
        _core("ruff format", "ruff", "format", "--check"),
        _core("layers", "lint-imports"),
        _core("mypy", "mypy"),
        _tests(_CORE, *_CORE_TESTS),
        *(
            _tests(
                name,
                folder,
                f"--ignore={_END_TO_END[name]}",
                *(f"--ignore={path}" for path in _LONG if path.startswith(f"{folder}/")),
            )
            for name, folder in _HOSTS.items()
        ),
        _host("airflow-3.3.2", "long", *_LONG),
        *(_host(name, "end to end", tests) for name, tests in _END_TO_END.items()),
        _host("airflow-3.3.2", "SQLite", *_ON_SQLITE, database="sqlite"),
        _tests("lowest", *_CORE_TESTS, *_ONCE_ONLY, before=_FEWER_FORKS),
        *(
            _tests(name, *_CORE_TESTS, *_ONCE_ONLY, *_NOT_BY_INTERPRETER, before=_FEWER_FORKS)
            for name in _OTHER_PYTHONS
        ),
        Step(
            f"tests {_OLD_HOST}",
            (_executable(_CORE, "python"), *_PYTEST, _OLD_HOST_TESTS),
            (_made(_CORE), _made(_OLD_HOST)),
        ),
        *(_environment(name) for name in _NEWEST_PATCHES),
        *(_release(name, _LOOPS["newest"]) for name in _NEWEST_PATCHES),
        _core("wheel", "python", *_PYTEST, "tests/packaging"),
    ]


def release_steps() -> list[Step]:
    """The steps of `make test-releases`: every release that has only short tests."""
    names = (*_NEWEST_PATCHES, *_OTHER_PATCHES)
    return [
        *(_environment(name) for name in names),
        *(_release(name, _LOOPS["all"]) for name in names),
    ]


def needs_servers(chosen: list[Step]) -> bool:
    """Whether one of the steps runs tests that start PostgreSQL, MariaDB or Redis."""
    return any(step.name.startswith("tests ") for step in chosen)


def _made(environment: str) -> str:
    return f"environment {environment}"


def _environment(name: str) -> Step:
    # One at a time, or they would sit waiting for its lock; meanwhile the rest runs in those that are made.
    return Step(_made(name), (sys.executable, "-m", "tools", "environment", name), alone_in="environments")


def _core(name: str, command: str, *arguments: str) -> Step:
    return Step(name, (_executable(_CORE, command), *arguments), (_made(_CORE),))


def _tests(environment: str, *arguments: str, before: tuple[str, ...] = ()) -> Step:
    command = (*before, _executable(environment, "python"), *_PYTEST, *arguments)
    return Step(f"tests {environment}", command, (_made(environment),))


def _host(environment: str, what: str, *arguments: str, database: str = "postgresql") -> Step:
    run = (
        "env",
        f"SCHED_CACHE_AIRFLOW_DB={database}",
        _executable(environment, "python"),
        *_PYTEST,
    )
    return Step(f"tests {environment} {what}", (*run, *arguments), (_made(environment),))


def _release(environment: str, n_loops: int) -> Step:
    """Installation, known code, bag, creation of runs, and the decisions of `n_loops` loops beside the host's own."""
    host = "airflow2" if environment.startswith("airflow-2") else "airflow3"
    names = (*_OF_A_RELEASE[host], "scheduling_decisions_differential", "commands")
    return Step(
        f"tests {environment} release",
        (
            "env",
            f"SCHED_CACHE_DECISIONS_LOOPS={n_loops}",
            _executable(environment, "python"),
            *_PYTEST,
            *(f"tests/{host}/test_{name}.py" for name in names),
        ),
        (_made(environment),),
    )


def _executable(environment: str, name: str) -> str:
    return str(ENVIRONMENTS[environment].executable(name))
