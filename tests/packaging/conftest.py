"""The wheel as a stranger gets it: built from a copy of the tree, in an environment of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_NOT_SOURCE = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "bench-results")


@dataclass(frozen=True, slots=True)
class Installation:
    wheel: Path
    python: Path
    outside: Path  # a folder away from the checkout, where everything is run

    def run(self, program: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a program of the environment. Nothing of the checkout is on its path."""
        command = (self.python.with_name(program), *arguments)
        return subprocess.run(
            command,
            cwd=self.outside,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=600,
            env={"LC_ALL": "C.UTF-8"},
        )

    def python_says(self, code: str) -> str:
        """The output of `code`, run in isolated mode with warnings as errors."""
        done = self.run("python", "-I", "-W", "error", "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    # From a copy: building leaves a folder `build`, and what is in there gets into the next wheel.
    source = tmp_path_factory.mktemp("source") / "tree"
    shutil.copytree(_ROOT, source, ignore=_NOT_SOURCE)
    folder = tmp_path_factory.mktemp("installed")
    pip = (sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check")
    _run(*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(source))
    (wheel,) = folder.glob("*.whl")
    _run(sys.executable, "-m", "venv", str(folder / "environment"))
    python = folder / "environment" / "bin" / "python"
    _run(str(python), *pip[1:], "install", str(wheel))
    outside = folder / "outside"
    outside.mkdir()
    return Installation(wheel, python, outside)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
