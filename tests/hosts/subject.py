"""The Airflow under test: stock, or with the plugin."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.hosts.home import option
from tests.support.module_process import CHECKOUT

_NOT_SOURCE = (".*", "__pycache__", "*.egg-info", "build", "dist", "tests")
# An installation of the checkout, even an unfinished one, brings its entry points into every process.
OFF = {option("sched_cache", "enabled"): "False"}
ON = {option("sched_cache", "enabled"): "True"}


@dataclass(frozen=True, slots=True)
class Subject:
    """One way to run the host.

    Attributes:
        loses: the host is expected to lose tasks in the races; a test asserts that it does, because a race
            that stock Airflow survives proves nothing about the plugin.
    """

    name: str
    loses: bool

    def environment(self) -> dict[str, str]:
        """Variables that put the subject into every process of an installation, entry points included."""
        return OFF if self.name == "stock" else {**ON, "PYTHONPATH": str(installed_checkout())}


@functools.cache
def installed_checkout(checkout: Path = CHECKOUT) -> Path:
    """A folder that the checkout was installed into, as an operator does it; some 10 s, once a process."""
    folder = Path(tempfile.mkdtemp(prefix="sched-cache-site-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # From a copy: a build leaves metadata beside its source, and with it entry points for everybody there.
    source, target = folder / "source", folder / "site"
    shutil.copytree(checkout, source, ignore=shutil.ignore_patterns(*_NOT_SOURCE))
    pip = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check", "install", "--no-deps"]
    subprocess.run([*pip, "--target", str(target), str(source)], check=True, timeout=900)
    shutil.rmtree(source)
    return target


STOCK = Subject("stock", loses=True)
PLUGIN = Subject("plugin", loses=False)
SUBJECTS = (STOCK, PLUGIN)
