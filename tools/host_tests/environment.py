"""The environment of Airflow's tests: the release of the checkout with the test tools, and the plugin beside it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from sched_cache_airflow.releases import release_of
from tools.environments import ENVIRONMENTS, ROOT, Environment
from tools.releases.packages import order_of

_NOT_SOURCE = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "bench-results")
# What the plugin needs; it is installed into a folder of its own, which only one of the two runs has on its path.
_OF_THE_PLUGIN = ("msgpack", "redis", "cachetools", "fakeredis")
# What Airflow's tests and their fixtures import, and the plugins of pytest whose options they use.
_TEST_TOOLS = (
    *("aioresponses==0.7.9", "jmespath==1.1.0", "kgb==7.3", "requests-mock==1.12.1", "wheel==0.48.0"),
    *("pytest-cov==7.1.0", "pytest-custom-exit-code==0.3.0", "pytest-icdiff==0.9", "pytest-instafail==0.5.0"),
    *("pytest-mock==3.17.0", "pytest-timeouts==1.2.1", "pytest-xdist==3.8.0"),
)
_OF_AIRFLOW = {
    "airflow3": (
        *("pytest==9.2.0", "pytest-asyncio==1.5.0", "pytest-order==1.5.0", "pytest-rerunfailures==16.7"),
        *("pytest-unordered==0.8.0", "time-machine==3.6.0", "semver==3.1.2", "rich", "asyncpg"),
    ),
    "airflow2": (
        *("pytest==8.4.2", "pytest-asyncio==0.25.3", "pytest-rerunfailures==15.1", "time-machine==2.19.0"),
        *("aiofiles==25.1.0", "beautifulsoup4==4.15.0"),
    ),
}
_LIMITS = {
    # Airflow 3.3 has this limit of FastAPI. Newer ones break the execution API, in which `dag.test` runs tasks. The
    # patch releases do not agree on starlette.
    "3.2.": ("fastapi<0.137", "starlette<2", "cadwyn<8"),
    "3.3.0": ("aiosqlite<0.22",),
}
"""Limits of packages, by the prefix of the releases that do not work with newer ones; their pins are not shared."""


def environment_of(release: str) -> Environment:
    """The environment for the tests of a release, which has the pins of the nearest release that has its own.

    Raises:
        LookupError: no release that the plugin serves has this version.
    """
    row = release_of(release)
    if row is None:
        raise LookupError(release)
    host = row.host.name
    limits = (one for prefix, names in _LIMITS.items() if release.startswith(prefix) for one in names)
    wanted = (f"apache-airflow=={release}", *_OF_THE_PLUGIN, *_TEST_TOOLS, *_OF_AIRFLOW[host], *limits)
    return Environment(f"host-tests-{release}", "3.11", None, wanted, like=_nearest(release))


def _nearest(release: str) -> str:
    """The environment with pins of its own whose Airflow is nearest: of the same minor release, if there is one."""
    minor = order_of(release)[:2]

    def distance(name: str) -> tuple[bool, int]:
        major_of, minor_of = order_of(name.removeprefix("airflow-"))[:2]
        return major_of != minor[0], abs(minor_of - minor[1])

    pinned = [name for name, one in ENVIRONMENTS.items() if name.startswith("airflow-") and not one.like]
    return min(pinned, key=distance)


def install_plugin(environment: Environment, folder: Path) -> None:
    """Installs this project into `folder`, which is made anew, without its dependencies.

    Raises:
        subprocess.CalledProcessError: pip failed, after telling why on standard error.
    """
    shutil.rmtree(folder, ignore_errors=True)
    pip = (
        str(environment.executable("python")),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "-qq",
    )
    with TemporaryDirectory() as scratch:
        # From a copy: building leaves a folder `build`, and what is in there gets into the next wheel.
        source = shutil.copytree(ROOT, Path(scratch) / "source", ignore=_NOT_SOURCE)
        subprocess.run(
            (*pip, "--no-deps", "--target", str(folder), str(source)), check=True, stdout=sys.stderr
        )
