"""Errors are counted as fallbacks by `patching/guard.py`; every exception to that is listed with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import sched_cache_airflow.patching.guard as guard_module
from sched_cache_airflow.patching.guard import Rule

_PACKAGE = Path(__file__).resolve().parents[2] / "adapters" / "sched_cache_airflow"
_GUARD = "patching/guard.py"
_COUNTS = {"note", "switch_off"}
"""Methods of `Fallbacks` and `FastPath`. A function that calls one of them counts, too, within its module."""

_ALLOWED: Mapping[tuple[str, str], str] = {
    (
        "fast_path/decisions.py",
        "_view_of",
    ): "Rows that the proof does not cover are an answer, and each has its reason.",
    ("fast_path/fast_path.py", "switch_off"): "It is the function that counts for the rules of decisions.",
    ("hosts/airflow3/decisions/scheduled_rows.py", "_write"): (
        "The error passes; its second occurrence means that the host writes the rows at the third try."
    ),
    ("sharing/write_events.py", "_count"): "It is the function that counts for the rules of writes.",
}


class _Found:
    """Functions of a module by name, with the handlers and the calls in each."""

    def __init__(self, tree: ast.AST) -> None:
        self.functions = [
            node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        self.counting = set(_COUNTS)
        while True:
            found = {node.name for node in self.functions if _called(node) & self.counting}
            if found <= self.counting:
                break
            self.counting |= found

    def ladders(self) -> Iterator[str]:
        """The functions with a handler that counts on its own, or with a count that names an error."""
        for function in self.functions:
            if any(self._is_by_hand(node) for node in _own(function)):
                yield function.name

    def _is_by_hand(self, node: ast.AST) -> bool:
        if isinstance(node, ast.ExceptHandler):
            called = _called(node)
            return bool(called & self.counting) and "falls_back" not in called
        if isinstance(node, ast.Call):
            return _name(node.func) == "note" and len(node.args) + len(node.keywords) > 1
        return isinstance(node, ast.Subscript) and _name(node.value) == "fallbacks"


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function without those of the functions in it."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            yield from _own(node)


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _called(node: ast.AST) -> set[str]:
    return {_name(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}


def _ladders(package: Path) -> set[tuple[str, str]]:
    return {
        (path.relative_to(package).as_posix(), name)
        for path in package.rglob("*.py")
        for name in _Found(ast.parse(path.read_text())).ladders()
        if path.relative_to(package).as_posix() != _GUARD
    }


def test_only_listed_functions_count_an_error_themselves() -> None:
    assert _ladders(_PACKAGE) == set(_ALLOWED)
    assert all(_ALLOWED.values())


def test_each_rule_is_used_and_none_is_made_elsewhere() -> None:
    rules = {name for name, value in vars(guard_module).items() if isinstance(value, Rule)}
    used, made = set(), set()
    for path in _PACKAGE.rglob("*.py"):
        if path != _PACKAGE / _GUARD:
            tree = ast.parse(path.read_text())
            used |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & rules
            made |= {path.name} if "Rule" in _called(tree) else set()
    assert len(rules) > 15
    assert used == rules
    assert not made


_PLANTED = """
def direct():
    try:
        work()
    except OSError as error:
        fallbacks.note("reason")

class Indirect:
    def method(self):
        try:
            work()
        except (OSError, ValueError) as error:
            self._tell(error)

    def _tell(self, error):
        self._say()

    def _say(self):
        runtime().fallbacks.note("reason")

def later():
    failed = None
    try:
        work()
    except Exception as error:
        failed = error
    runtime().fallbacks.note("reason", failed)

def by_hand():
    try:
        work()
    except Exception:
        stats.fallbacks["reason"] += 1

def by_rule():
    try:
        work()
    except Exception as error:
        if not falls_back(error, RULE, fallbacks.note):
            raise
        return None

def uncounted():
    try:
        work()
    except KeyError:
        return None
    fallbacks.note("excluded")
"""


def test_a_planted_handler_that_counts_is_found(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(_PLANTED)
    names = {name for _, name in _ladders(tmp_path)}
    assert names == {"direct", "method", "later", "by_hand"}
