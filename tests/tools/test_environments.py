"""How an environment is filled: by uv, and by pip where uv cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tools import environments
from tools.environments import ENVIRONMENTS, Environment, ensure

_RECORDS = 'echo "$(basename $0) $*" >> {log}\nexit {code}'
_MAKES_A_VENV = "mkdir -p {folder}/bin && cp {python} {folder}/bin/python"


class Machine:
    """Programs that only write down how they were called."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "called"
        self.environment = Environment("some", "3.11", ("test",), ("airflow==1",), like="core-3.11")

    def plant_uv(self, code: int) -> None:
        self._plant(
            environments.VENVS / environments._UV / "bin" / "uv", _RECORDS.format(log=self._log, code=code)
        )

    def plant_base(self) -> Path:
        python = self._plant(self._folder / "python", _RECORDS.format(log=self._log, code=0))
        return self._plant(
            self._folder / "base", _MAKES_A_VENV.format(folder=self.environment.folder, python=python)
        )

    def installed_by(self) -> list[str]:
        """The program of each installation, with what it was asked to install last."""
        calls = [line.split() for line in self._log.read_text().splitlines()]
        return [f"{call[0]} {call[-1]}" for call in calls if "install" in call]

    @staticmethod
    def _plant(path: Path, script: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(environments, "VENVS", tmp_path / "venvs")
    one = Machine(tmp_path)
    base = one.plant_base()
    monkeypatch.setattr("tools.interpreters.find", lambda version: base)
    return one


def test_uv_installs_what_is_pinned(machine: Machine) -> None:
    """Once: what is up to date is left alone."""
    machine.plant_uv(0)
    assert ensure(machine.environment).startswith("some: made with")
    assert ensure(machine.environment) == "some: up to date"
    assert machine.installed_by() == [f"uv {environments.ROOT}[test]"]


def test_pip_goes_on_where_uv_fails(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """And that is said."""
    machine.plant_uv(2)
    assert ensure(machine.environment).startswith("some: made with")
    assert machine.installed_by() == [f"{name} {environments.ROOT}[test]" for name in ("uv", "python")]
    assert "uv ended with exit code 2; going on with pip" in capsys.readouterr().out


def test_builders_are_left_to_pip(machine: Machine) -> None:
    """A source distribution of long ago builds with what they bring, and with nothing newer."""
    machine.plant_uv(0)
    machine.environment = replace(machine.environment, builders=("wheel",), extras=None)
    ensure(machine.environment)
    assert machine.installed_by() == ["python wheel", "python airflow==1"]


@pytest.mark.parametrize("name", sorted(ENVIRONMENTS))
def test_every_environment_is_pinned(name: str) -> None:
    """Each has its own pins, or those of one that has."""
    lines = ENVIRONMENTS[name].constraints().splitlines()
    assert all("==" in line for line in lines if not line.startswith("#"))
    assert len(lines) > 1
