"""A release of Airflow that does not exist: the installed one with a few of its modules changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

Change = Callable[[str], str]


def installed() -> Path:
    """The folder that holds `airflow/`."""
    spec = find_spec("airflow")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parents[1]


def make(folder: Path, changes: Mapping[str, Change]) -> None:
    """Puts the release into `folder`, which goes before the installed one on the path.

    changes: module, such as `airflow.models.dagrun`, to what makes its text of the installed one.
    """
    shutil.copytree(
        installed() / "airflow",
        folder / "airflow",
        copy_function=os.symlink,
        ignore=shutil.ignore_patterns("__pycache__", "providers", "ui", "static", "node_modules"),
    )
    for module, change in changes.items():
        path = folder / Path(*module.split(".")).with_suffix(".py")
        text = path.read_text(encoding="utf-8")
        path.unlink()
        path.write_text(change(text), encoding="utf-8")


def replaced(text: str, was: str, becomes: str) -> str:
    """The text with one thing changed, which must be there."""
    assert text.count(was) == 1, was
    return text.replace(was, becomes)
