"""Which Debian packages are installed, and that it is said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools import debian

_DPKG = '[ "$4" = redis-server ] && printf installed || printf not-installed'


class Apt:
    """A Debian on which Redis is installed; `apt-get` only writes down how it was called."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "called"
        self.plant("dpkg-query", _DPKG)
        self.plant("apt-get", f'echo "$DEBIAN_FRONTEND $*" >> {self._log}')

    def plant(self, name: str, script: str) -> None:
        path = self._folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def remove(self, name: str) -> None:
        (self._folder / name).unlink()

    def calls(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Apt:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return Apt(tmp_path)


def test_root_installs_what_is_missing_and_says_it(apt: Apt, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command is printed before it runs."""
    assert debian.install(("redis-server", "postgresql"))
    install = "-qq install --yes --no-install-recommends postgresql"
    assert apt.calls() == ["noninteractive -qq update", f"noninteractive {install}"]
    assert capsys.readouterr().out.splitlines() == [
        "Debian packages: apt-get -qq update ...",
        f"Debian packages: apt-get {install} ...",
        "Debian packages: installed postgresql",
    ]


def test_what_is_there_is_left_alone(apt: Apt, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even the lists of packages are fetched."""
    assert debian.install(("redis-server",))
    assert apt.calls() == []
    assert capsys.readouterr().out == "Debian packages: none missing\n"


def test_others_are_told_what_is_missing(
    apt: Apt, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is tried."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert not debian.install(("redis-server", "postgresql"))
    assert apt.calls() == []
    assert capsys.readouterr().out == "Debian packages: not root, cannot install postgresql\n"


def test_a_failure_is_told(apt: Apt, capsys: pytest.CaptureFixture[str]) -> None:
    """With the command that failed."""
    apt.plant("apt-get", "exit 100")
    assert not debian.install(("postgresql",))
    assert capsys.readouterr().out.splitlines()[-1] == "Debian packages: apt-get -qq update failed"


def test_another_system_has_other_names(apt: Apt, capsys: pytest.CaptureFixture[str]) -> None:
    """Without apt-get nothing counts as missing: the tests look for the servers themselves."""
    apt.remove("apt-get")
    assert debian.missing(("postgresql",)) == []
    assert debian.install(("postgresql",))
    assert "not a Debian system" in capsys.readouterr().out
