"""Every import of our own modules, in each file of the repository, finds its module and its name.

The type checker sees the tests of the hosts without their hosts, and so does not read them; a module
that was moved would else be missed by a test file that only one environment runs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = {"sched_cache": _ROOT, "sched_cache_airflow": _ROOT / "adapters", "tests": _ROOT, "tools": _ROOT}
_PACKAGES["bench"] = _ROOT
_FOLDERS = ("adapters", "bench", "sched_cache", "tests", "tools")


def _file_of(module: str) -> Path | None:
    path = _PACKAGES[module.split(".")[0]].joinpath(*module.split("."))
    for each in (path.with_suffix(".py"), path / "__init__.py"):
        if each.exists():
            return each
    return path if path.is_dir() else None


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def _names(path: Path) -> frozenset[str] | None:
    """Names that a module binds anywhere at its top level; None if it makes names as it is asked for them."""
    found: set[str] = set()
    statements: list[ast.stmt] = list(_tree(path).body)
    while statements:
        statement = statements.pop()
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(statement.name)
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.alias):
                found.add((node.asname or node.name).split(".")[0])
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found.add(node.name)
    return None if "__getattr__" in found else frozenset(found)


def _imports(path: Path) -> Iterator[tuple[str, str | None]]:
    """(module, name in it or None) of every absolute import of a package of ours."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
            yield from ((module, None) for module in modules if module.split(".")[0] in _PACKAGES)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = str(node.module)
            if module.split(".")[0] in _PACKAGES:
                yield from ((module, alias.name) for alias in node.names)


def _is_found(module: str, name: str | None) -> bool:
    path = _file_of(module)
    if path is None:
        return False
    if name is None or name == "*" or _file_of(f"{module}.{name}") is not None:
        return True
    if path.is_dir():
        return False
    names = _names(path)
    return names is None or name in names


def test_every_import_of_ours_finds_its_name() -> None:
    files = [path for folder in _FOLDERS for path in (_ROOT / folder).rglob("*.py")]
    imports = {(path, module, name) for path in files for module, name in _imports(path)}
    assert len(imports) > 2000
    lost = [
        f"{path.relative_to(_ROOT)}: {name} of {module}"
        for path, module, name in imports
        if not _is_found(module, name)
    ]
    assert sorted(lost) == []


def test_a_moved_module_and_a_renamed_name_are_missed() -> None:
    assert not _is_found("sched_cache_airflow.certification", "child")
    assert not _is_found("sched_cache.no_such_module", None)
    assert _is_found("sched_cache_airflow.certification.scratch_database", "child")
