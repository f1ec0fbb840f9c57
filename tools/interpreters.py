"""Finds the Python interpreters of this machine that can create a virtual environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# Without ensurepip (Debian keeps it in python3-venv) a venv has no pip. What is printed is the interpreter
# itself, also when the probe runs in a venv or through a shim.
_PROBE = """
import ensurepip, sys, venv
print(f"{sys.base_prefix}/bin/python{sys.version_info[0]}.{sys.version_info[1]}")
"""


class NoInterpreterError(Exception):
    """No interpreter of this version can create a virtual environment here; the text lists the candidates."""


def find(version: str) -> Path:
    """The first interpreter of `version`, such as "3.12", that works: this one, those on PATH, of pyenv.

    Each candidate is run, because a pyenv shim is on PATH for every version and fails for most.

    Raises:
        NoInterpreterError: none works.
    """
    failures = []
    for candidate in _candidates(version):
        try:
            probe = subprocess.run(
                [candidate, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=30
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            failures.append(f"{candidate}: {error}")
            continue
        if probe.returncode == 0:
            return Path(probe.stdout.strip())
        last_words = probe.stderr.strip().splitlines() or [f"exit code {probe.returncode}"]
        failures.append(f"{candidate}: {last_words[-1]}")
    raise NoInterpreterError(
        f"no Python {version} that can make a venv ({'; '.join(failures) or 'none found'})"
    )


def _candidates(version: str) -> Iterator[Path]:
    name = f"python{version}"
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        yield Path(sys.executable)
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        if os.access(Path(folder, name), os.X_OK):
            yield Path(folder, name)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/{name}"), key=_patch_level, reverse=True)


def _patch_level(path: Path) -> int:
    patch = path.parts[-3].split(".")[2]
    return int(patch) if patch.isdigit() else -1  # such as 3.13.0rc1, which sorts after every release
