"""Files are replaced in one step, and what cannot be opened is named."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from sched_cache.cli.failure import UsageError
from sched_cache.cli.files import read_file, write_file


def test_written_file_has_the_mode_that_open_gives(tmp_path: Path) -> None:
    (tmp_path / "opened").touch()
    write_file(str(tmp_path / "written"), b"data")
    assert (tmp_path / "written").read_bytes() == b"data"
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "opened").stat().st_mode


def test_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(UsageError, match="file: cannot be written: No space left on device"):
        write_file(str(path), b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_devices_are_written_to_and_not_replaced() -> None:
    write_file(os.devnull, b"data")
    assert not Path(os.devnull).is_file()


def test_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none/file: cannot be written: No such file or directory"):
        write_file(str(tmp_path / "none" / "file"), b"data")


def test_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_file(str(tmp_path))
    with pytest.raises(UsageError, match="cannot be written: Is a directory"):
        write_file(str(tmp_path), b"data")


def test_binary_is_not_sent_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with pytest.raises(UsageError, match="name a file with -o"):
        write_file("-", b"\x9bSCD")
