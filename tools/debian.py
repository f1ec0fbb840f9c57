"""Debian packages that the tests need. Only `make debian` installs them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence

SERVERS = ("postgresql", "pgbouncer", "mariadb-server", "redis-server", "openssl", "chromium")
VENV = ("python3-venv",)


def missing(packages: Sequence[str]) -> list[str]:
    """Those of `packages` that are not installed; none on a system without apt-get, where names differ."""
    if not shutil.which("apt-get"):
        return []
    return [package for package in packages if not _is_installed(package)]


def install(packages: Sequence[str]) -> bool:
    """Installs what is missing of `packages`, and prints each command. Returns False if that failed or needs root."""
    wanted = missing(packages)
    if not wanted:
        has_apt = shutil.which("apt-get")
        print(f"Debian packages: {'none missing' if has_apt else 'not a Debian system, none installed'}")
        return True
    if os.geteuid() != 0:
        print(f"Debian packages: not root, cannot install {' '.join(wanted)}")
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *wanted]):
        apt = ["apt-get", "-qq", *arguments]
        print(f"Debian packages: {' '.join(apt)} ...", flush=True)
        if subprocess.run(apt, env=environment, stdout=subprocess.DEVNULL).returncode != 0:
            print(f"Debian packages: {' '.join(apt)} failed")
            return False
    print(f"Debian packages: installed {' '.join(wanted)}")
    return True


def lacks_venv() -> bool:
    """Whether this Python cannot create a virtual environment with pip, like that of Debian without python3-venv."""
    return importlib.util.find_spec("ensurepip") is None


def _is_installed(package: str) -> bool:
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True, text=True).stdout == "installed"
