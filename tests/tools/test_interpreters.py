"""Which interpreters `make test` runs on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools import interpreters

_NO_SUCH = "3.99"  # so that only what the test plants can be found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only one on PATH; pyenv is empty."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def plant(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_this_interpreter_is_found_and_is_not_a_venv() -> None:
    """A venv's Python is no base for another: the interpreter behind it is."""
    found = interpreters.find(f"{sys.version_info[0]}.{sys.version_info[1]}")
    probe = [found, "-I", "-c", "import sys; print(sys.prefix == sys.base_prefix)"]
    assert subprocess.run(probe, capture_output=True, text=True, check=True).stdout == "True\n"


def test_a_shim_that_fails_is_passed_over(folder: Path) -> None:
    """The next candidate is tried."""
    plant(folder / "bin" / f"python{_NO_SUCH}", "echo 'version not set' >&2; exit 127")
    real = plant(
        folder / "pyenv" / "versions" / f"{_NO_SUCH}.2" / "bin" / f"python{_NO_SUCH}", "echo /the/real/one"
    )
    assert real.exists()
    assert interpreters.find(_NO_SUCH) == Path("/the/real/one")


def test_the_newest_patch_release_wins(folder: Path) -> None:
    """Numbers are compared, not texts; a release candidate comes last."""
    for patch in ("2", "10", "0rc1"):
        home = folder / "pyenv" / "versions" / f"{_NO_SUCH}.{patch}"
        plant(home / "bin" / f"python{_NO_SUCH}", f"echo /patch/{patch}")
    assert interpreters.find(_NO_SUCH) == Path("/patch/10")


def test_without_any_the_error_says_what_was_tried(folder: Path) -> None:
    """`make test` prints this text beside the suite that it skips."""
    shim = plant(folder / "bin" / f"python{_NO_SUCH}", "echo 'No module named ensurepip' >&2; exit 1")
    with pytest.raises(interpreters.NoInterpreterError, match="No module named ensurepip") as caught:
        interpreters.find(_NO_SUCH)
    assert str(shim) in str(caught.value)
