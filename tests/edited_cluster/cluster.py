"""Two schedulers, an editor, and what came of their work."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from bench.loop.host import host
from tests.edited_cluster.content import DAG_IDS, content, task_ids
from tests.hosts.rows import rows
from tests.hosts.subject import OFF
from tests.support.module_process import ModuleProcess
from tests.support.scheduling.script import Script

_SCHEDULER = "tests.edited_cluster.scheduler_process"
_LAST_SECONDS = 600.0
"""A run whose task the executor has lost, or that is to be tried again, ends late, and later on a busy machine."""
_EDITS_PER_SECOND, _RUNS_PER_SECOND = 2.0, 1.0
OUTCOMES = ("success",) * 12 + ("failed", "deferred", "lost")
# A version for each edit that finds runs: 2400 in twenty minutes. The bound is reached within the first ten.
_SMALL_L1 = {"AIRFLOW__SCHED_CACHE__L1_MAX_BYTES": str(4 << 20)}

# Of each run: the content that the newest version on its instances has, and its instances.
_RUNS_3 = """
SELECT r.dag_id, r.run_id, r.state,
       ARRAY(SELECT t->'__var'->>'task_id' FROM jsonb_array_elements(s.data::jsonb->'dag'->'tasks') t),
       ARRAY(SELECT i.task_id FROM task_instance i
             WHERE i.dag_id = r.dag_id AND i.run_id = r.run_id AND i.state IS DISTINCT FROM 'removed')
FROM dag_run r
JOIN LATERAL (SELECT v.id FROM task_instance i JOIN dag_version v ON v.id = i.dag_version_id
              WHERE i.dag_id = r.dag_id AND i.run_id = r.run_id
              ORDER BY v.version_number DESC LIMIT 1) newest ON true
JOIN serialized_dag s ON s.dag_version_id = newest.id
ORDER BY r.id
"""
_RUNS_2 = """
SELECT r.dag_id, r.run_id, r.state, r.dag_hash,
       ARRAY(SELECT i.task_id FROM task_instance i
             WHERE i.dag_id = r.dag_id AND i.run_id = r.run_id AND i.state IS DISTINCT FROM 'removed')
FROM dag_run r ORDER BY r.id
"""


@dataclass(slots=True)
class Report:
    """The result of a run.

    contents: the tasks of each content by its hash.
    wrong: by the scheduler that looked last, and so has ended it: runs whose tasks are not those of their content.
    doubled: tries that began twice. stuck: runs that did not end.
    memory: of stock and of ours, what `scheduler_process.memory` saw, with the seconds since it began.
    """

    contents: dict[str, list[str]] = field(default_factory=dict)
    n_edits: int = 0
    n_runs: int = 0
    n_executed: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[str]] = field(default_factory=lambda: {"stock": [], "ours": []})
    doubled: list[Any] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    memory: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    ended: dict[str, Any] = field(default_factory=dict)

    def growth(self, name: str, what: str) -> float:
        """The share by which `what` grew over the second half: median of its last quarter over that of its first."""
        looks = self.memory[name]
        second_half = [look[what] for look in looks[len(looks) // 2 :]]
        quarter = max(1, len(second_half) // 4)
        return median(second_half[-quarter:]) / median(second_half[:quarter]) - 1

    def __str__(self) -> str:
        lines = [
            f"{self.n_edits} edits, {self.n_runs} runs, tries by scheduler {dict(self.n_executed)}",
            f"runs with wrong tasks: {len(self.wrong['ours'])} ended by us, {len(self.wrong['stock'])} by stock",
            f"{len(self.stuck)} runs stuck, {len(self.doubled)} tries begun twice",
            f"at the end: {self.ended}",
        ]
        for name, looks in self.memory.items():
            for what in ("pss_bytes", "rss_bytes", "n_objects"):
                middle = looks[len(looks) // 2]
                lines.append(
                    f"{name:6} {what:10} {looks[0][what]:12,.0f} at first, {middle[what]:12,.0f} half-way, "
                    f"{looks[-1][what]:12,.0f} at last: {100 * self.growth(name, what):+.1f} % in the second half"
                )
        return "\n".join(lines)


def play(
    url: str, environ: Mapping[str, str], plugin: Mapping[str, str], seconds: float, seed: int = 1
) -> Report:
    """Edits and creates for that long, has both schedulers end what there is, and compares.

    Args:
        url: of the metadata database, migrated and empty. environ: Airflow's variables. plugin: what switches it on.
    """
    script = Script.for_dags(seed, [content(host(), dag_id, 0) for dag_id in DAG_IDS], outcomes=OUTCOMES)
    report = Report()
    executed: Counter[tuple[Any, ...]] = Counter()
    examined: dict[str, tuple[float, str]] = {}
    with (
        ModuleProcess("tests.edited_cluster.editor", environ={**environ, **OFF}) as editor,
        ModuleProcess(_SCHEDULER, environ={**environ, **OFF}) as stock,
        ModuleProcess(_SCHEDULER, environ={**environ, **_SMALL_L1, **plugin}) as ours,
    ):
        assert editor.answer() == "ready"
        editor.ask(["prepare", "", 0])
        for dag_id in DAG_IDS:
            _edit(editor, report, dag_id, 0)
        readers = []
        for name, process in (("stock", stock), ("ours", ours)):
            assert process.ask({"script": asdict(script), "seconds": _LAST_SECONDS}) == "ready"
            readers.append(threading.Thread(target=_read, args=(name, process, report, executed, examined)))
            readers[-1].start()
        _edit_and_create(editor, report, seconds, random.Random(seed))
        for process in (stock, ours):
            process.send("stop")
        for reader in readers:
            reader.join(_LAST_SECONDS + 60)
    report.doubled = [task for task, count in executed.items() if count > 1]
    _compare(url, report, examined)
    return report


def _edit(editor: ModuleProcess, report: Report, dag_id: str, generation: int) -> None:
    dag_hash = editor.ask(["edit", dag_id, generation])
    report.contents[dag_hash] = task_ids(content(host(), dag_id, generation))


def _edit_and_create(editor: ModuleProcess, report: Report, seconds: float, draw: random.Random) -> None:
    started = time.monotonic()
    for number in itertools.count(1):
        dag_id = draw.choice(DAG_IDS)
        _edit(editor, report, dag_id, number)
        report.n_edits = number
        if number * _RUNS_PER_SECOND >= (report.n_runs + 1) * _EDITS_PER_SECOND:
            report.n_runs += 1
            editor.ask(["run", draw.choice(DAG_IDS), report.n_runs])
        due = started + number / _EDITS_PER_SECOND
        if due > started + seconds:
            return
        time.sleep(max(0.0, due - time.monotonic()))


def _read(
    name: str,
    process: ModuleProcess,
    report: Report,
    executed: Counter[tuple[Any, ...]],
    examined: dict[str, tuple[float, str]],
) -> None:
    report.memory[name] = []
    for line in process.answers():
        if "executed" in line:
            report.n_executed[name] += len(line["executed"])
            executed.update(map(tuple, line["executed"]))
        elif "examined" in line:
            for run, at in line["examined"].items():
                examined[run] = max(examined.get(run, (0.0, "")), (at, name))
        elif "memory" in line:
            report.memory[name].append(line["memory"])
        else:
            report.ended[name] = line["ended"]


def _compare(url: str, report: Report, examined: Mapping[str, tuple[float, str]]) -> None:
    is_2 = host() == "airflow2"
    for dag_id, run_id, state, tasks, instances in rows(url, _RUNS_2 if is_2 else _RUNS_3):
        if state not in ("success", "failed"):
            report.stuck.append(f"{dag_id} {run_id} is {state}, {_unfinished(url, dag_id, run_id)}")
        expected = set(report.contents[tasks] if is_2 else tasks)
        if expected != set(instances):
            report.wrong[examined[f"{dag_id} {run_id}"][1]].append(
                f"{dag_id} {run_id}: lacks {sorted(expected - set(instances))}, "
                f"has {sorted(set(instances) - expected)} besides"
            )


def _unfinished(url: str, dag_id: str, run_id: str) -> str:
    """The instances of a run that have not ended, to see what it waits for."""
    found = rows(
        url,
        "SELECT task_id, state, try_number, queued_dttm, external_executor_id, next_method FROM task_instance "
        "WHERE dag_id = %s AND run_id = %s AND (state IS NULL OR state NOT IN ('success', 'failed', 'removed', "
        "'skipped', 'upstream_failed')) ORDER BY 1",
        (dag_id, run_id),
    )
    return "; ".join(" ".join(map(str, row)) for row in found) or "no instance is unfinished"
