"""The patches of the hosts are data that can be read and checked without a host."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import fields
from itertools import groupby
from pathlib import Path

import pytest

import sched_cache_airflow
from sched_cache_airflow.hosts.patches import airflow2, airflow3
from sched_cache_airflow.patching.patch_table import ANY, OWN, Patch, PatchTable
from sched_cache_airflow.releases import PinnedCode
from sched_cache_airflow.reporting import tried_installation

TABLES = {"airflow2": airflow2.PATCHES, "airflow3": airflow3.PATCHES}
_PACKAGE = Path(sched_cache_airflow.__file__).parent
_PROGRAM = """
import json, sys
from sched_cache_airflow import policy
hosts = [name for name in sys.modules if name.partition(".")[0] in ("airflow", "sqlalchemy")]
print(json.dumps([hosts, [sorted(hook._names) for hook in policy._hooks]]))
"""


@pytest.fixture(params=sorted(TABLES))
def table(request: pytest.FixtureRequest) -> PatchTable:
    return TABLES[request.param]


def test_a_group_stands_together_in_one_module(table: PatchTable) -> None:
    """Or half of it could be applied while the other half waits for an import, or a row be out of its order."""
    runs = [group for group, _ in groupby(table.rows, key=lambda row: row.group)]
    assert len(runs) == len(set(runs))
    assert all(len({row.module for row in table.rows if row.group == group}) == 1 for group in runs)
    modules = [module for module, _ in groupby(table.rows, key=lambda row: row.module)]
    assert tuple(modules) == table.modules
    found = [row for module in table.modules for group in table.groups(module) for row in group]
    assert found == list(table.rows)


def test_each_row_can_be_understood_alone(table: PatchTable) -> None:
    """Its wrapper is in a module of ours, what it has to fit is known, and it says why."""
    known = {ANY, OWN, *(field.name for field in fields(PinnedCode))}
    for row in table.rows:
        assert row.why.endswith("."), row
        assert len(row.why) > 30, row
        assert row.fits in known, row
        module, _, name = row.wrapper.partition(":")
        assert name, row
        assert (_PACKAGE / f"{module.replace('.', '/')}.py").exists(), row


def test_a_wrapper_is_given_the_process_where_it_takes_it(table: PatchTable) -> None:
    """A function by its second parameter, a class by an attribute that it declares."""
    for row in table.rows:
        path, _, name = row.wrapper.partition(":")
        module = ast.parse((_PACKAGE / f"{path.replace('.', '/')}.py").read_text(encoding="utf-8"))
        (wrapper,) = (node for node in module.body if getattr(node, "name", None) == name)
        if isinstance(wrapper, ast.ClassDef):
            declared = [node.target for node in wrapper.body if isinstance(node, ast.AnnAssign)]
            names = [target.id for target in declared if isinstance(target, ast.Name)]
            assert ("host_process" in names) == row.with_process, row
        else:
            assert isinstance(wrapper, ast.FunctionDef), row
            names = [argument.arg for argument in wrapper.args.args]
            assert names == ["stock", "process"][: 1 + row.with_process], row


def test_the_parts_of_a_target() -> None:
    of_class = Patch("airflow.m:A.f", "w:f", "g", "why")
    assert (of_class.module, of_class.owner, of_class.name) == ("airflow.m", "A", "f")
    of_module = Patch("airflow.m:A", "w:f", "g", "why")
    assert (of_module.module, of_module.owner, of_module.name) == ("airflow.m", "", "A")


def test_the_policy_waits_for_what_the_tables_say_and_imports_no_host() -> None:
    """Every process of the host imports it first."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    imported, names = json.loads(done.stdout)
    assert imported == []
    users = {name for table in TABLES.values() for name in table.users}
    writers = {name for table in TABLES.values() for name in table.writers}
    assert names == [sorted(users), sorted(writers)]


def test_no_other_list_names_the_modules_that_the_policy_waits_for() -> None:
    """The doctor tries the installation with those of the tables; a second list would miss a module that is added."""
    expected = {name for table in TABLES.values() for name in (*table.users, *table.writers)}
    for path in _PACKAGE.rglob("*.py"):
        if "hosts" not in path.relative_to(_PACKAGE).parts:
            strings = {
                node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)
            }
            assert not strings & expected, path
    assert set(tried_installation._MODULES) == {name for table in TABLES.values() for name in table.users}
