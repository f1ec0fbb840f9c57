"""The DAG files: one number each, the edition."""

from __future__ import annotations

from pathlib import Path

KEYS = tuple(f"dag_{number}" for number in range(12))
EDITION = "max_active_runs"
"""The field of a DAG that tells its edition: a hot one, which is there as long as the DAG is."""


def write_edition(folder: Path, key: str, edition: int) -> None:
    """Saves a new edition, whole or not at all."""
    draft = folder / f"{key}.draft"
    draft.write_text(str(edition))
    draft.rename(folder / key)


def read_edition(folder: Path, key: str) -> int:
    """The edition that the file holds now."""
    return int((folder / key).read_text())
