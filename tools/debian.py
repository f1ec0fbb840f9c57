"""Debian packages that the tests need and an administrator may install."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence

SERVERS = ("postgresql", "pgbouncer", "mariadb-server", "redis-server", "openssl", "chromium")
VENV = ("python3-venv",)


def install_missing(packages: Sequence[str]) -> str:
    """Installs those of `packages` that are missing, when root on Debian or its kin.

    Returns:
        One line that says what was done. What is still missing is up to the tests that need it: they skip, or
        fail in CI.
    """
    if not shutil.which("apt-get"):
        return "not a Debian system, nothing installed"
    missing = [package for package in packages if not _is_installed(package)]
    if not missing:
        return "none missing"
    if os.geteuid() != 0:
        return "not root, going on without " + " ".join(missing)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        apt = ["apt-get", "-qq", *arguments]
        if subprocess.run(apt, env=environment, stdout=subprocess.DEVNULL).returncode != 0:
            return f"{' '.join(apt)} failed, going on without " + " ".join(missing)
    return "installed " + " ".join(missing)


def lacks_venv() -> bool:
    """Whether this Python cannot make a virtual environment with pip in it: Debian's without python3-venv."""
    return importlib.util.find_spec("ensurepip") is None


def _is_installed(package: str) -> bool:
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True, text=True).stdout == "installed"
