"""The process of a trial: another one than that of the command, because Airflow reads its configuration once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, Any, Final

from sched_cache.errors import SchedCacheError
from sched_cache_airflow.certification.scratch_database.scratch import PREFIX
from sched_cache_airflow.settings.section import PREFIX as OPTION

_MIGRATE: Final = ("-m", "airflow", "db", "migrate")
_LAST_LINES: Final = 15
_CONN: Final = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
"""Variables that begin so may name the metadata database in other ways: by a command, a secret, for asyncio."""


class ChildError(SchedCacheError):
    """A process ended early. Its last lines are in the text."""


def environment(url: str) -> dict[str, str]:
    """The variables of a process whose Airflow has the scratch database, and whose plugin shares nothing."""
    ours = {
        "DATABASE_URL": url,
        "TABLE_PREFIX": PREFIX,
        "REDIS_URL": "none",
        "PUBLISH_CONTENTS": "False",
        "PROCESS_REPORT_SECONDS": "0",
        "SHADOW_SHARE": "0",
        "EXCLUDE_DAGS": "",
        "FAST_PATH": "True",
        "FAST_PATH_EXCLUDE_DAGS": "",
        "ENABLED": "False",  # until the trial installs it
    }
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(_CONN)},
        _CONN: url,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_SCHEMA": "",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        **{f"{OPTION}{name}": value for name, value in ours.items()},
    }


def migrate(url: str) -> None:
    """Creates the tables of Airflow."""
    with _running(_MIGRATE, url, b"") as output:
        for _ in output:
            pass


def run(program: tuple[str, ...], url: str, given: Any, hear: Callable[[Mapping[str, Any]], object]) -> None:
    """Runs a Python program with JSON on its standard input; `hear` gets each line of JSON that it says."""
    with _running(program, url, json.dumps(given).encode()) as output:
        for line in output:
            hear(json.loads(line))


@contextmanager
def spoken() -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """In the child: standard output for our lines alone. Everything else that is printed goes to standard error."""
    with os.fdopen(os.dup(1), "w") as own:
        os.dup2(2, 1)

        def say(line: Mapping[str, Any]) -> None:
            own.write(json.dumps(line) + "\n")
            own.flush()

        yield say


@contextmanager
def _running(program: tuple[str, ...], url: str, given: bytes) -> Iterator[IO[bytes]]:
    with TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, *program],
            env=environment(url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(given)
            process.stdin.close()
            yield process.stdout
            code = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            process.stdout.close()
        if code:
            log.seek(0)
            said = log.read().decode(errors="replace").splitlines()[-_LAST_LINES:]
            raise ChildError(f"a process ended with {code}: {' | '.join(said)}")
