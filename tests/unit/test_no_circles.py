"""No file of ours imports another one that imports it, by whatever way: at its top, in a function, for types alone."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = (_ROOT / "sched_cache", _ROOT / "adapters" / "sched_cache_airflow")

Graph = Mapping[str, set[str]]


def _modules(*packages: Path) -> dict[str, Path]:
    found = {}
    for package in packages:
        for path in package.rglob("*.py"):
            parts = path.relative_to(package.parent).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _graph(modules: Mapping[str, Path]) -> Graph:
    """Module to the modules that it names in an import statement, wherever that stands."""
    return {name: _imports(name, path, modules) - {name} for name, path in modules.items()}


def _imports(name: str, path: Path, modules: Mapping[str, Path]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                part = f"{source}.{alias.name}"
                found.add(part if part in modules else source)
    return found & modules.keys()


def _circle(graph: Graph) -> list[str]:
    """The modules of one circle, each importing the one before it; none if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other() -> None:
    graph = _graph(_modules(*_PACKAGES))
    assert len(graph) > 200
    assert not _circle(graph)


def test_a_circle_is_found(tmp_path: Path) -> None:
    """Even if one of its imports is for types, one in a function, and one relative."""
    package = tmp_path / "planted"
    (package / "room").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "room" / "__init__.py").write_text("")
    (package / "a.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import planted.room.b\n"
    )
    (package / "room" / "b.py").write_text("def f():\n    from planted import c\n")
    (package / "c.py").write_text("from .a import x\n")
    circle = _circle(_graph(_modules(package)))
    assert set(circle) == {"planted.a", "planted.room.b", "planted.c"}
