"""Which folders `sched-cache watch` takes, and what it refuses."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sched_cache.cli.entry import main
from sched_cache.cli.failure import UsageError
from sched_cache_airflow.hosts.contract import ChangedFile, HostFolder
from sched_cache_airflow.watch import command
from sched_cache_airflow.watch.installed_airflow import InstalledAirflow


class FakeRequests:
    def __init__(self, *folders: HostFolder) -> None:
        self._folders = list(folders)

    def folders(self) -> list[HostFolder]:
        return self._folders

    def row(self, file: ChangedFile) -> dict[str, Any]:
        raise AssertionError


def chosen(arguments: Sequence[str], *folders: HostFolder) -> list[tuple[str | None, str, str]]:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    found = command._folders(parser.parse_args(arguments), InstalledAirflow(FakeRequests(*folders)))
    return [(folder.bundle, folder.root, folder.below) for folder in found]


def test_without_folders_it_watches_those_of_the_host(tmp_path: Path) -> None:
    of_host = [HostFolder("one", str(tmp_path / "one")), HostFolder("two", str(tmp_path / "two"))]
    assert chosen([], *of_host) == [(*folder, "") for folder in of_host]


def test_a_folder_keeps_the_hosts_spelling(tmp_path: Path) -> None:
    """The processor knows its files by that, not by where a symlink leads."""
    (tmp_path / "real" / "sales").mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to("real")
    of_host = HostFolder(None, str(link))
    assert chosen([str(tmp_path / "real")], of_host) == [(None, str(link), "")]
    assert chosen([str(tmp_path / "real" / "sales")], of_host) == [(None, str(link), "sales")]


def test_the_innermost_bundle_counts(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    of_host = [HostFolder("outer", str(tmp_path / "outer")), HostFolder("inner", str(inner))]
    assert chosen([str(inner)], *of_host) == [("inner", str(inner), "")]


def test_a_bundle_may_be_named(tmp_path: Path) -> None:
    """A folder that Airflow sees under another path, or that a bundle of another kind made."""
    of_host = HostFolder("other", "/nowhere")
    assert chosen([str(tmp_path), "--bundle", "mine"], of_host) == [("mine", str(tmp_path), "")]


@pytest.mark.parametrize(
    ("arguments", "folders", "words"),
    [
        (["/nowhere/at/all"], [HostFolder(None, "/dags")], "is not a folder"),
        (["/"], [HostFolder(None, "/dags")], "is in no folder that Airflow reads (/dags)"),
        ([], [], "no bundle of this Airflow is a plain folder"),
        (["--bundle", "b", "/"], [HostFolder(None, "/dags")], "--bundle is for Airflow 3"),
    ],
)
def test_what_it_cannot_watch_is_said(arguments: list[str], folders: list[HostFolder], words: str) -> None:
    with pytest.raises(UsageError) as raised:
        chosen(arguments, *folders)
    assert words in str(raised.value)


@pytest.mark.parametrize("option", ["--rest-seconds=0", "--scan-seconds=x", "--repeat-seconds=1,-2"])
def test_seconds_out_of_range_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args([option])
    assert option.split("=")[0] in capsys.readouterr().err


def test_it_is_a_command_and_wants_an_airflow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sched_cache_airflow.watch.host_here", lambda: None)
    assert main(["watch"]) == 2
    assert "no Airflow is installed here that takes requests for files" in capsys.readouterr().err
