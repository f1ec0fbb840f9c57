"""Schedulers with two builds of the plugin on one database and one Redis.

Every DAG is edited while its runs are under way, and the schedulers are killed. Runs only with
``SCHED_CACHE_UPGRADES=1`` (`make upgrades`). ``SCHED_CACHE_OLDER`` is the commit of the older build of the plugin.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.rows import rows
from tests.hosts.subject import installed_checkout
from tests.support.module_process import CHECKOUT
from tests.upgrades.editor import Editor
from tests.upgrades.executions import Ended
from tests.upgrades.installation import Installation, installation
from tests.upgrades.node import Node
from tests.upgrades.outcomes import assert_same_end, takes_long
from tests.upgrades.stages import play_last_stage, play_stage

_VERSION = "3.3.2"


@pytest.fixture(scope="module")
def older_build() -> Iterator[Path]:
    """The folder that an older commit was installed into."""
    folder = Path(tempfile.mkdtemp(prefix="sched-cache-older-"))
    commit = os.environ["SCHED_CACHE_OLDER"]
    archive = subprocess.run(["git", "archive", commit], cwd=CHECKOUT, check=True, stdout=subprocess.PIPE)
    subprocess.run(["tar", "--extract", "--directory", folder], input=archive.stdout, check=True)
    yield installed_checkout(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _mixed(older: Node, newer: Node) -> Ended:
    """The end of all runs. Both schedulers are killed before the second stage and before the last."""
    with installation() as installed:
        installed.migrate(older)
        before = _migration(installed)
        installed.migrate(newer)
        assert _migration(installed) == before
        installed.start(older, newer)
        with Editor(installed.home.dags / "held.py") as editor:
            play_stage(installed, 0, newer)
            _restart_schedulers(installed)
            play_stage(installed, 1, newer)
            if newer.plugin is not None:
                newer.doctor(installed.shared)
            _restart_schedulers(installed)
            ended = play_last_stage(installed, newer)
        assert editor.n_edits > 30
        assert (installed.n_redis_keys > 0) == (newer.plugin is not None)
        return ended


def _migration(installed: Installation) -> list[object]:
    return rows(installed.database_url, "SELECT version_num FROM alembic_version")


def _restart_schedulers(installed: Installation) -> None:
    """Both, because chance decides which one runs a task, and only the tasks of a killed one are executed again."""
    schedulers = [process for name, process in installed.running.items() if name.startswith("scheduler")]
    for process in schedulers:
        process.kill()
    for process in schedulers:
        process.start()


@takes_long
def test_two_builds_of_the_plugin_end_as_on_stock(older_build: Path) -> None:
    """A rolling upgrade of the plugin."""
    ours = _mixed(Node(_VERSION, older_build), Node(_VERSION, installed_checkout()))
    assert_same_end(ours, _mixed(Node(_VERSION), Node(_VERSION)))
