"""The steps of `make test`."""

from __future__ import annotations

import sys

from tools.environments import ENVIRONMENTS
from tools.steps import Step

_CORE = "core-3.11"
_OTHER_PYTHONS = ("core-3.10", "core-3.12", "core-3.13")
_HOSTS = {"airflow-3.3.2": "tests/airflow3", "airflow-2.11.2": "tests/airflow2"}
# A host that runs on none of our Pythons, so the tests start it in a process of its own.
_OLD_HOST, _OLD_HOST_TESTS = "airflow-1.10.15", "tests/airflow1"

# Releases that are tested in short, beside the two hosts above: in `make test` the newest patch release of each minor
# release that is served, in `make test-releases` each one that `releases.py` calls tested.
_NEWEST_PATCHES = ("airflow-3.2.2", "airflow-3.1.8", "airflow-2.10.5", "airflow-2.9.3")
_OTHER_PATCHES = (
    *("airflow-3.3.1", "airflow-3.3.0", "airflow-3.2.1", "airflow-3.2.0"),
    *("airflow-3.1.7", "airflow-3.1.6", "airflow-3.1.5", "airflow-3.1.3", "airflow-3.1.0"),
    *("airflow-2.10.4", "airflow-2.10.2"),
)
# Releases on which the plugin stays off, in `make test-releases`.
_NOT_SERVED = ("airflow-3.0.6", "airflow-2.8.4")
_OF_A_RELEASE = {
    "airflow3": (
        "known_code",
        "installation",
        "release_differences",
        "held_dags",
        "run_creation",
        "metrics",
        "page_rights",
        "critical_section",
        "content_races",
    ),
    "airflow2": ("known_code", "installation", "dag_bag", "run_creation", "stored_rows", "critical_section"),
}
_LOOPS_OF_A_RELEASE = 100  # the tests of decisions compare them by the hundred

_PYTEST = ("-m", "pytest", "-q", "-p", "tools.noted_tests")


def _without(*paths: str) -> tuple[str, ...]:
    return tuple(f"--ignore={path}" for path in paths)


_CORE_TESTS = (
    "tests",
    *_without(*_HOSTS.values(), _OLD_HOST_TESTS, "tests/packaging"),
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

# Half of the tests of that host, in parallel with the other half.
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

# Independent of the interpreter and of the lowest versions: tests that take minutes each or that hurt servers, the
# harness, which compares with the rivals of today, and these tools. They run on one Python, as a step of their own.
_ONCE_ONLY = tuple(
    f"tests/{name}"
    for name in (
        "chaos",
        "simple_scheduler",
        "simulation",
        "fuzz",
        "servers",
        "tools",
        "unit/bench",
        "upgrades",
    )
)
# What depends on servers and on the versions of libraries, and hardly on the interpreter: on the newest and the lowest.
# The contract of stores on PostgreSQL and on SQLite, and the forks, run on every Python.
_NOT_BY_INTERPRETER = tuple(
    f"tests/unit/{name}"
    for name in (
        "store/redis",
        *(f"store/sql/test_{name}.py" for name in ("as_run", "deadlines", "mariadb", "outage", "pgbouncer")),
        "cli/test_troubles.py",
        "cli/test_database_examination.py",
        *(f"sched_cache_airflow/{name}" for name in ("host_database", "triggers")),
        *(f"sched_cache_airflow/sharing/test_{name}.py" for name in ("owner", "write_events")),
    )
)
# Of repeated tests, what the other environments of the core add to the repetitions of the first.
_FEWER = ("env", "SCHED_CACHE_FORKS=30", "SCHED_CACHE_EXAMPLES=30")


def steps() -> list[Step]:
    """All of them; after the environments, the long ones come first, so that no core has nothing to do in the end."""
    return [
        *(_environment(name) for name in (_CORE, *_HOSTS, "lowest", *_OTHER_PYTHONS, _OLD_HOST)),
        _core("ruff check", "ruff", "check", "--output-format", "concise"),
        _core("ruff format", "ruff", "format", "--check"),
        _core("layers", "lint-imports"),
        _core("mypy", "mypy"),
        *(
            _tests(
                name,
                folder,
                *_without(_END_TO_END[name], *(path for path in _LONG if path.startswith(f"{folder}/"))),
            )
            for name, folder in _HOSTS.items()
        ),
        _host("airflow-3.3.2", "long", *_LONG),
        _tests(_CORE, *_CORE_TESTS, *_without(*_ONCE_ONLY)),
        _tests(f"{_CORE} once", *_ONCE_ONLY),
        _tests("lowest", *_CORE_TESTS, *_without(*_ONCE_ONLY), before=_FEWER),
        *(
            _tests(name, *_CORE_TESTS, *_without(*_ONCE_ONLY, *_NOT_BY_INTERPRETER), before=_FEWER)
            for name in _OTHER_PYTHONS
        ),
        *(_host(name, "end to end", tests) for name, tests in _END_TO_END.items()),
        *(_environment(name) for name in _NEWEST_PATCHES),
        *(_release(name) for name in _NEWEST_PATCHES),
        _host("airflow-3.3.2", "SQLite", *_ON_SQLITE, database="sqlite"),
        Step(
            f"tests {_OLD_HOST}",
            (_executable(_CORE, "python"), *_PYTEST, _OLD_HOST_TESTS),
            (_made(_CORE), _made(_OLD_HOST)),
        ),
        _core("wheel", "python", *_PYTEST, "tests/packaging"),
    ]


def release_steps() -> list[Step]:
    """The steps of `make test-releases`: every release that has only short tests, and two that are not served."""
    names = (*_NEWEST_PATCHES, *_OTHER_PATCHES)
    return [
        *(_environment(name) for name in (*names, *_NOT_SERVED)),
        *(_release(name) for name in names),
        *(_tests(f"{name} left alone", "tests/unserved") for name in _NOT_SERVED),
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


def _tests(name: str, *arguments: str, before: tuple[str, ...] = ()) -> Step:
    """`name` begins with that of the environment."""
    environment = name.split()[0]
    command = (*before, _executable(environment, "python"), *_PYTEST, *arguments)
    return Step(f"tests {name}", command, (_made(environment),))


def _host(environment: str, what: str, *arguments: str, database: str = "postgresql") -> Step:
    run = (
        "env",
        f"SCHED_CACHE_AIRFLOW_DB={database}",
        _executable(environment, "python"),
        *_PYTEST,
    )
    return Step(f"tests {environment} {what}", (*run, *arguments), (_made(environment),))


def _release(environment: str) -> Step:
    """Installation, known code, bag, page, creation of runs, and the decisions of some loops beside stock."""
    host = "airflow2" if environment.startswith("airflow-2") else "airflow3"
    names = (*_OF_A_RELEASE[host], "scheduling_decisions_differential", "commands")
    return Step(
        f"tests {environment} release",
        (
            "env",
            f"SCHED_CACHE_DECISIONS_LOOPS={_LOOPS_OF_A_RELEASE}",
            _executable(environment, "python"),
            *_PYTEST,
            *(f"tests/{host}/test_{name}.py" for name in names),
        ),
        (_made(environment),),
    )


def _executable(environment: str, name: str) -> str:
    return str(ENVIRONMENTS[environment].executable(name))
