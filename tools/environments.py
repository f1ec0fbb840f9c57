"""The virtual environments in .venvs/. Each is rebuilt when its pins, setup.py or interpreter change."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile

from tools import interpreters

ROOT = Path(__file__).resolve().parent.parent
VENVS = ROOT / ".venvs"
PINS = ROOT / "tools" / "pins"

_STAMP = "made-from"
# It installs the pinned packages in a third of the time that pip takes, and downloads each of them once.
_UV = "uv==0.13.9"
_OF_AIRFLOW_ITSELF = re.compile(r"^apache-airflow(-core|-task-sdk)?==.*\n", re.MULTILINE)
_LIMITED = re.compile(r"^([A-Za-z0-9._-]+)[<>=]")


@dataclass(frozen=True, slots=True)
class Environment:
    """An editable install of this project with `extras`; every version as pins/`name`.txt says.

    `extras` None: without this project, which a host of long ago cannot have beside it. `like`: the environment whose
    pins it shares, but for those of Airflow itself and of what `also` limits; empty if it has its own.
    """

    name: str
    python: str
    extras: tuple[str, ...] | None
    also: tuple[str, ...] = ()  # requirements in addition to those of this project
    builders: tuple[str, ...] = field(
        default=(), repr=False
    )  # installed first: source distributions need them
    like: str = field(default="", repr=False)

    @property
    def folder(self) -> Path:
        return VENVS / self.name

    @property
    def pins(self) -> Path:
        return PINS / f"{self.like or self.name}.txt"

    def constraints(self) -> str:
        """The text of a file of constraints for pip."""
        pins = self.pins.read_text()
        if not self.like:
            return pins
        limited = {_normal(found.group(1)) for one in self.also if (found := _LIMITED.match(one))}
        lines = _OF_AIRFLOW_ITSELF.sub("", pins).splitlines(keepends=True)
        return "".join(line for line in lines if _normal(line.partition("==")[0]) not in limited)

    def executable(self, name: str) -> Path:
        return self.folder / "bin" / name


def _normal(name: str) -> str:
    """The name of a package, of which pins and requirements have different spellings."""
    return re.sub(r"[-_.]+", "-", name).lower()


# The lowest version of every run-time dependency that setup.py allows.
_LOWEST = ("msgpack==1.0.5", "sqlalchemy==1.4.36", "redis==4.5.2", "cachetools==5.3.0", "fakeredis==2.26.0")


def _not_served(version: str) -> Environment:
    """A release of Airflow on which the plugin stays off."""
    return Environment(f"airflow-{version}", "3.11", ("test",), (f"apache-airflow=={version}",))


def _release(version: str, extra: str, *limits: str, like: str = "") -> Environment:
    """A release of Airflow with which the tests of releases are run.

    limits: of packages whose newer releases it would take, and does not work with or warns of.
    """
    drivers = ("asyncpg",) if extra == "airflow3" else ()
    wanted = (f"apache-airflow=={version}", *drivers, *limits)
    return Environment(f"airflow-{version}", "3.11", (extra, "test", "watch"), wanted, like=like)


_OF_3_2_0 = ("anyio<4.13", "cadwyn<8", "fastapi<0.137", "pydantic<2.14", "sqlalchemy<2.1")

ENVIRONMENTS = {
    environment.name: environment
    for environment in (
        Environment("demo", "3.11", ()),
        Environment("core-3.11", "3.11", ("dev",)),
        Environment("core-3.10", "3.10", ("test", "bench")),
        Environment("core-3.12", "3.12", ("test", "bench")),
        Environment("core-3.13", "3.13", ("test", "bench")),
        Environment("lowest", "3.11", ("test", "bench"), _LOWEST),
        # Airflow 3 reaches PostgreSQL through psycopg2 and through asyncpg.
        Environment(
            "airflow-3.3.2", "3.11", ("airflow3", "test", "watch"), ("apache-airflow==3.3.2", "asyncpg")
        ),
        Environment("airflow-2.11.2", "3.11", ("airflow2", "test", "watch"), ("apache-airflow==2.11.2",)),
        _release("3.3.0", "airflow3", "aiosqlite<0.22", like="airflow-3.3.2"),
        _release("3.3.1", "airflow3", like="airflow-3.3.2"),
        # The execution API of 3.2 cannot be imported with newer releases of FastAPI and Cadwyn.
        _release("3.2.2", "airflow3", "cadwyn<8", "fastapi<0.137", "pydantic<2.14", "sqlalchemy<2.1"),
        # These two need an older starlette than 3.2.2, which uses names that newer releases of anyio warn of.
        _release("3.2.1", "airflow3", *_OF_3_2_0),
        _release("3.2.0", "airflow3", *_OF_3_2_0, like="airflow-3.2.1"),
        _release("3.1.8", "airflow3", "pydantic<2.14", "sqlalchemy<2.1"),
        *(
            _release(version, "airflow3", "pydantic<2.14", "sqlalchemy<2.1", like="airflow-3.1.8")
            for version in ("3.1.3", "3.1.5", "3.1.6", "3.1.7")
        ),
        # It imports a name that structlog does not have since 25.5.
        _release(
            *("3.1.0", "airflow3", "pydantic<2.14", "sqlalchemy<2.1", "structlog<25.5"), like="airflow-3.1.8"
        ),
        _release("2.10.5", "airflow2"),
        *(_release(version, "airflow2", like="airflow-2.10.5") for version in ("2.10.2", "2.10.4")),
        _release("2.9.3", "airflow2"),
        *(_not_served(version) for version in ("3.0.6", "2.8.4")),
        # Its own limits allow releases with which it does not work.
        Environment(
            "airflow-1.10.15",
            "3.8",
            None,
            ("apache-airflow==1.10.15", "markupsafe<2.1", "wtforms<3", "sqlalchemy==1.3.24"),
            ("pip<24", "wheel", "setuptools<58"),
        ),
    )
}


def ensure(environment: Environment) -> str:
    """Makes `environment`, or leaves it alone when it is up to date. Returns one line saying which.

    Raises:
        interpreters.NoInterpreterError: this machine has no such Python.
        subprocess.CalledProcessError: venv or pip failed, after telling why on standard error.
    """
    base = interpreters.find(environment.python)
    with _making():
        stamp = environment.folder / _STAMP
        wanted = _made_from(environment, base)
        if stamp.exists() and stamp.read_text() == wanted:
            return f"{environment.name}: up to date"
        constraints = environment.constraints()
        n_packages = len(constraints.splitlines()) - 1
        print(f"{environment.name}: installing {n_packages} packages with {base} ...", flush=True)
        with NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(constraints)
            file.flush()
            _make_folder(environment, base)
            pinned = ("--constraint", file.name, *_wanted(environment))
            # uv builds source distributions with build requirements of today only.
            if environment.builders or not _install_with_uv(environment, pinned):
                _pip(environment, "install", "-qq", *pinned)
        stamp.write_text(wanted)  # last, so that an interrupted build is repeated
        return f"{environment.name}: made with {base}"


def pin(environment: Environment) -> str:
    """Makes `environment` from the newest releases allowed and writes what it got into its pins."""
    if environment.like:
        raise ValueError(f"{environment.name} has the pins of {environment.like}")
    base = interpreters.find(environment.python)
    with _making():
        _make_folder(environment, base)
        _pip(environment, "install", "-qq", *_wanted(environment))
        listed = _pip(environment, "freeze", "--exclude-editable")
    environment.pins.write_text(f"# Written by: python3 -m tools pin {environment.name}\n{listed}")
    return f"{environment.pins.relative_to(ROOT)}: {len(listed.splitlines())} pins"


@contextmanager
def _making() -> Iterator[None]:
    """Holds the lock for the creation of an environment, because editable installs write to the source tree."""
    VENVS.mkdir(exist_ok=True)
    with (VENVS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_folder(environment: Environment, base: Path) -> None:
    shutil.rmtree(environment.folder, ignore_errors=True)
    subprocess.run([base, "-m", "venv", environment.folder], check=True)
    # -qq: one -q still prints every warning of every index consulted.
    if environment.builders:
        _pip(environment, "install", "-qq", *environment.builders)


def _wanted(environment: Environment) -> tuple[str, ...]:
    """The requirements of `environment` as arguments for pip or uv."""
    if environment.extras is None:
        return environment.also
    extras = f"[{','.join(environment.extras)}]" if environment.extras else ""
    return (*environment.also, "--editable", f"{ROOT}{extras}")


def _install_with_uv(environment: Environment, arguments: Sequence[str]) -> bool:
    """Whether it could: an index that only pip's own configuration names is unknown to uv."""
    try:
        # Every version is pinned, so a pre-release is one that was chosen. Compiled here, as pip does it: what is
        # compiled in a test instead turns its warnings into errors.
        install = (_uv(), "pip", "install", "-q", "--compile-bytecode", "--prerelease", "allow")
        subprocess.run(
            (*install, "--python", environment.executable("python"), *arguments),
            env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
            check=True,
        )
    except subprocess.CalledProcessError as error:
        print(f"{error.cmd[0]} ended with exit code {error.returncode}; going on with pip", flush=True)
        return False
    return True


def _uv() -> Path:
    """The program, in an environment of its own.

    Raises:
        subprocess.CalledProcessError: pip could not install it.
    """
    folder = VENVS / _UV
    uv = folder / "bin" / "uv"
    if not uv.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = (folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check")
        subprocess.run((*pip, "install", "-qq", _UV), check=True)
    return uv


def _pip(environment: Environment, *arguments: str) -> str:
    command = (str(environment.executable("python")), "-m", "pip", "--disable-pip-version-check", *arguments)
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _made_from(environment: Environment, base: Path) -> str:
    inputs = (
        str(ROOT).encode(),  # an editable install and the scripts of a venv contain their own path
        str(base).encode(),
        repr(environment).encode(),
        environment.constraints().encode(),
        (ROOT / "setup.py").read_bytes(),
        *(builder.encode() for builder in environment.builders),
    )
    return hashlib.sha256(b"\0".join(inputs)).hexdigest()
