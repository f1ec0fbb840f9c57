"""Finds the Python for a subject: the first candidate that has everything it requires."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

PACKAGE = __package__ or "bench"
CHECKOUT = Path(__file__).resolve().parent.parent

_LIST = """
import json, platform, importlib.metadata as m
found = {d.metadata["Name"].lower(): d.version for d in m.distributions()}
print(json.dumps({"python": platform.python_version(), **found}))
"""


def is_checkout() -> bool:
    """False if this package is installed, because then other interpreters cannot import it."""
    return (CHECKOUT / "setup.py").exists()


def candidates(chosen: str | None = None) -> list[Path]:
    """`chosen` alone, else this interpreter and those of `.venvs/`, each environment once."""
    if chosen:
        return [Path(chosen)]
    found = [Path(sys.executable)]
    if is_checkout():
        found += sorted(CHECKOUT.glob(".venvs/*/bin/python"), key=lambda path: path.parts[-3])
    return found


def find_interpreter(
    requires: Iterable[str], pool: Sequence[Path], *, of_any_minor: bool = False
) -> Path | None:
    """The first of `pool` that has all distributions of `requires` (`name` or `name==version prefix`).

    of_any_minor: of the version prefixes only the major version counts, because a user has chosen the interpreter.
    """
    needed = tuple(requires)
    if of_any_minor:
        needed = tuple(requirement.partition(".")[0] for requirement in needed)
    return next((path for path in pool if _has(distributions(path), needed)), None)


def _has(present: dict[str, str], needed: Iterable[str]) -> bool:
    for requirement in needed:
        name, _, version = requirement.partition("==")
        found = present.get(name)
        if found is None or not (not version or found == version or found.startswith(version + ".")):
            return False
    return True


@cache
def distributions(python: Path) -> dict[str, str]:
    """Lower-case name -> version of everything installed there and of `python`; empty if it does not run."""
    try:
        done = subprocess.run(
            [str(python), "-c", _LIST], capture_output=True, text=True, timeout=60, check=True
        )
        found: dict[str, str] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):  # an environment that is broken or incomplete
        return {}
    return found


def distributions_here() -> dict[str, str]:
    """The same for this process, but only the packages that can affect a result."""
    names = (
        "apache-airflow",
        "apache-airflow-core",
        "msgpack",
        "msgspec",
        "sqlalchemy",
        "psycopg2-binary",
        "redis",
        "cachetools",
    )
    found = {"python": platform.python_version()}
    for name in names:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def child_environ(more: dict[str, str]) -> dict[str, str]:
    """The environment of a worker: this process's, with this checkout importable and string hashes fixed."""
    environ = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    if is_checkout():
        paths = (str(CHECKOUT), str(CHECKOUT / "adapters"), os.environ.get("PYTHONPATH", ""))
        environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return environ | more
