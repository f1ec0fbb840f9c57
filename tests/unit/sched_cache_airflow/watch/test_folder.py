"""Which files of a folder have other bytes than before."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from sched_cache_airflow.watch import ChangedFile, Folder


def python_files(folder: str) -> Iterable[str]:
    return (str(path) for path in sorted(Path(folder).rglob("*.py")))


def folder_of(root: Path, below: str = "") -> Folder:
    return Folder("bundle", str(root), below, python_files)


def names(changed: Iterable[ChangedFile]) -> list[str]:
    return sorted(file.relative for file in changed)


def test_new_and_changed_files_are_found_once(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "b.py").write_text("1")
    assert names(folder.scan()) == ["a.py", "b.py"]
    assert folder.scan() == []
    (tmp_path / "b.py").write_text("22")
    [changed] = folder.scan()
    assert changed == ChangedFile("bundle", str(tmp_path), "b.py")
    assert changed.path == str(tmp_path / "b.py")
    assert folder.scan() == []


def test_only_bytes_count(tmp_path: Path) -> None:
    """Not times, nor inodes."""
    folder = folder_of(tmp_path)
    path = tmp_path / "a.py"
    path.write_text("1")
    folder.scan()
    os.utime(path, (1, 1))
    assert folder.scan() == []
    path.rename(tmp_path / "draft")
    path.write_text("1")
    assert folder.scan() == []


def test_a_file_of_the_same_size_and_time_is_told_by_its_inode(tmp_path: Path) -> None:
    """Editors write a draft and rename it."""
    folder = folder_of(tmp_path)
    path, draft = tmp_path / "a.py", tmp_path / "draft"
    path.write_text("1")
    os.utime(path, (1, 1))
    folder.scan()
    draft.write_text("2")
    os.utime(draft, (1, 1))
    draft.rename(path)
    assert names(folder.scan()) == ["a.py"]


def test_a_swapped_symlink_changes_only_what_is_different(tmp_path: Path) -> None:
    """As `git-sync` does it: a worktree for each commit, and one link."""
    for commit, text in (("one", "old"), ("two", "new")):
        (tmp_path / commit).mkdir()
        (tmp_path / commit / "same.py").write_text("same")
        (tmp_path / commit / "other.py").write_text(text)
    link = tmp_path / "current"
    link.symlink_to("one")
    folder = folder_of(link)
    folder.scan()
    before = folder.identity
    (tmp_path / "draft").symlink_to("two")
    (tmp_path / "draft").rename(link)
    assert folder.identity != before
    assert names(folder.scan()) == ["other.py"]


def test_a_folder_that_was_replaced_is_another_one(tmp_path: Path) -> None:
    root, aside = tmp_path / "dags", tmp_path / "aside"
    root.mkdir()
    folder = folder_of(root)
    before = folder.identity
    root.rename(aside)  # keeps its inode taken
    assert folder.identity is None
    root.mkdir()
    assert folder.identity not in (None, before)


def test_nothing_is_forgotten_while_the_folder_is_not_there(tmp_path: Path) -> None:
    root = tmp_path / "dags"
    root.mkdir()
    (root / "a.py").write_text("1")
    folder = folder_of(root)
    folder.scan()
    root.rename(tmp_path / "away")
    assert folder.scan() == []
    (tmp_path / "away").rename(root)
    assert folder.scan() == []


def test_a_file_that_comes_back_is_new(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    path = tmp_path / "a.py"
    path.write_text("1")
    folder.scan()
    path.unlink()
    assert folder.scan() == []
    assert folder.digests == {}
    path.write_text("1")
    assert names(folder.scan()) == ["a.py"]


def test_a_file_that_cannot_be_read_is_looked_at_again(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (tmp_path / "a.py").symlink_to("nowhere")
    assert folder.scan() == []
    (tmp_path / "nowhere").write_text("1")
    assert names(folder.scan()) == ["a.py"]


def test_a_subfolder_is_listed_from_its_root(tmp_path: Path) -> None:
    """Patterns of ignored files may stand above it; and a neighbour may begin like it."""
    for name in ("sales", "sales_old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text("1")
    asked = []

    def listing(folder: str) -> Iterable[str]:
        asked.append(folder)
        return python_files(folder)

    folder = Folder(None, str(tmp_path), "sales", listing)
    assert folder.path == str(tmp_path / "sales")
    assert names(folder.scan()) == ["sales/a.py"]
    assert asked == [str(tmp_path)]


@pytest.mark.parametrize("n_files", [0, 3])
def test_digests_are_those_of_all_files(tmp_path: Path, n_files: int) -> None:
    for number in range(n_files):
        (tmp_path / f"{number}.py").write_text(str(number))
    folder = folder_of(tmp_path)
    folder.scan()
    assert len(set(folder.digests.values())) == len(folder.digests) == n_files
