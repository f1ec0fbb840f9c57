"""ARCHITECTURE.md is true where a program can tell."""

from __future__ import annotations

import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_TEXT = (_ROOT / "ARCHITECTURE.md").read_text()
_AIRFLOW = _ROOT / "adapters" / "sched_cache_airflow"
_MAX_MODULES = 12


def test_every_file_that_is_named_exists() -> None:
    folders = ("adapters", "bench", "sched_cache", "tests", "tools")
    known = [path.as_posix() for folder in folders for path in (_ROOT / folder).rglob("*.py")]
    known += [path.as_posix() for path in _ROOT.glob("*.py")]
    named = set(re.findall(r"`([\w/.-]*\w+\.py)`", _TEXT))
    assert len(named) > 40
    assert not [name for name in named if not any(path.endswith(f"/{name}") for path in known)]


def test_the_map_has_every_room() -> None:
    """And no room has more modules than a reader takes in at a glance."""
    start = _TEXT.index("### The Airflow package")
    table = _TEXT[start : _TEXT.index("\n## ", start)]
    rooms = [init.parent for init in _AIRFLOW.rglob("__init__.py") if init.parent != _AIRFLOW]
    for room in rooms:
        n_modules = len(list(room.glob("*.py"))) - 1
        assert n_modules <= _MAX_MODULES, room
        name = room.relative_to(_AIRFLOW).as_posix()
        if name == "hosts":
            continue
        assert f"`{name}/`" in table or f"their `{room.name}/`" in table, name
    assert len(list(_AIRFLOW.glob("*.py"))) - 1 <= 4
