"""The Python sources of released packages, kept in a cache folder of the user's; nothing is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sched_cache" / "releases"

_N_AT_ONCE = 2
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
_VERSION = re.compile(r"^(\d+)\.(\d+)\.(\d+)(?:(a|b|rc)(\d+))?$")
# Most of a package's bytes; none of it is code that a scheduler runs.
_NOT_CODE = re.compile(r"^airflow/(providers|example_dags|migrations|www/static|ui)/")

Sources = Callable[[str], str | None]
"""Module of the host, such as `airflow.models.dagrun`, to its text; None where a release has no such module."""


class PackageError(Exception):
    """pip could not list or download a package; the text is its output."""


def order_of(release: str) -> tuple[int, int, int, str, int]:
    """The key by which releases are sorted: 3.3.0b2 before 3.3.0rc1 before 3.3.0.

    Raises:
        ValueError: not the name of a release, such as a post release.
    """
    found = _VERSION.match(release)
    if found is None:
        raise ValueError(release)
    major, minor, patch, stage, number = found.groups()
    return int(major), int(minor), int(patch), stage or "z", int(number or 0)


def releases_of(project: str) -> list[str]:
    """All releases that pip finds in its index, pre-releases too, oldest first."""
    said = _pip("index", "versions", "--pre", project)
    listed = re.search(r"^Available versions: (.*)$", said, re.MULTILINE)
    names = listed.group(1).split(", ") if listed else []
    return sorted((name for name in names if _VERSION.match(name)), key=order_of)


def fetch(project: str, releases: Iterable[str]) -> None:
    """Downloads what the cache folder lacks of these releases.

    Raises:
        PackageError: a download failed.
    """
    missing = [release for release in releases if not _archive(project, release).exists()]
    with ThreadPoolExecutor(_N_AT_ONCE) as pool:
        for n_done, release in enumerate(pool.map(lambda one: _fetch(project, one), missing), 1):
            print(f"{project} {release}: downloaded ({n_done} of {len(missing)})", flush=True)


def sources_of(project: str, release: str) -> Sources:
    """The sources of a release that was fetched."""
    with zipfile.ZipFile(_archive(project, release)) as archive:
        texts = {name: archive.read(name) for name in archive.namelist()}
    return lambda module: _text(texts.get, module)


def sources_in(folder: Path) -> Sources:
    """The sources of a folder that holds `airflow/`: a checkout, an unpacked package, an environment."""

    def read(name: str) -> bytes | None:
        path = folder / name
        return path.read_bytes() if path.is_file() else None

    return lambda module: _text(read, module)


def _text(read: Callable[[str], bytes | None], module: str) -> str | None:
    path = module.replace(".", "/")
    data = read(f"{path}.py")
    if data is None:
        data = read(f"{path}/__init__.py")
    # Reads lines like the compiler, with any line ending.
    return None if data is None else data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def _archive(project: str, release: str) -> Path:
    return CACHE / f"{project}-{release}.zip"


def _fetch(project: str, release: str) -> str:
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        _pip(
            *("download", "-qq", "--no-deps", "--only-binary", ":all:", "--pre"),
            *("--python-version", "3.11", "--no-cache-dir", "--dest", scratch, f"{project}=={release}"),
        )
        (wheel,) = Path(scratch).glob("*.whl")
        kept = Path(scratch) / "kept.zip"
        with zipfile.ZipFile(wheel) as package, zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in _code_in(package.namelist()):
                archive.writestr(name, package.read(name))
        kept.replace(_archive(project, release))  # last, so that an interrupted download is repeated
    return release


def _code_in(names: Iterable[str]) -> Iterator[str]:
    return (
        name
        for name in names
        if name.startswith("airflow/") and name.endswith(".py") and not _NOT_CODE.match(name)
    )


def _pip(*arguments: str) -> str:
    done = subprocess.run((*_PIP, *arguments), capture_output=True, text=True)
    if done.returncode != 0:
        raise PackageError((done.stderr or done.stdout).strip())
    return done.stdout
