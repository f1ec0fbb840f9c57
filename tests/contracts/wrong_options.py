"""No value of an option ends a process of the host, and each wrong one is said once and named by the doctor.

Each value goes through the plugin's whole installation and the constructors of ours that the host calls, in a child
of a process that has imported Airflow. A host's `test_options.py` derives from this.

A run with many values takes long: each option prints a line when it is done, and `SCHED_CACHE_OPTION_RESULTS` names
a file that keeps these lines. A run that was interrupted goes on after the options that have passed. The doctor's
own trial, a process that imports all of Airflow anew, is made for one value in 25 of such a run.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import select
import signal
import time
import traceback
import warnings
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sched_cache.config.option import Option
from sched_cache_airflow.settings.settings import CORE_OPTIONS, OWN_OPTIONS
from tests.support.option_values import values_for

ALL = {**OWN_OPTIONS, **CORE_OPTIONS}
VALUES = int(os.environ.get("SCHED_CACHE_OPTION_VALUES") or 3)
SEED = int(os.environ.get("SCHED_CACHE_OPTION_SEED") or 11)
RESULTS = os.environ.get("SCHED_CACHE_OPTION_RESULTS")
CHILD_SECONDS = 120.0
_VALUES_PER_TRIAL = 25
_MAX_SHOWN = 5
_VARIABLE = "AIRFLOW__SCHED_CACHE__"


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _answer(pid: int, readable: int) -> dict[str, Any]:
    """The output of the child, which is killed if it takes too long."""
    found, end = b"", time.monotonic() + CHILD_SECONDS
    with os.fdopen(readable, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], max(0.0, end - time.monotonic()))[0]:
            part = pipe.read(1 << 16)
            if not part:
                break
            found += part
        else:
            os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return json.loads(found) if found and not status else {"error": f"ended with {status}"}


def _fault(option: Option, found: dict[str, Any]) -> str:
    """The rule that a start with one value of this option broke; empty if none."""
    wrong = found.get("wrong", {})
    if "error" in found:
        return str(found["error"])
    if found["bad"] != [f"option {name}" for name in wrong]:
        return f"the doctor names {found['bad']}: {found}"
    if len(found["lines"]) != bool(wrong):
        return f"{len(found['lines'])} lines: {found}"
    if not set(wrong) <= {option.name, "redis_breaker_max_seconds"}:
        return f"another option is wrong: {found}"
    if set(wrong.values()) <= {"REDIS", "TABLES", "DEFAULT", "PUBLISHING", "REFRESH", "WAKE"}:
        if not found["is_on"] and option.name != "enabled":
            return f"the plugin is off: {found}"
        if not found["fast_path"] and option.name != "fast_path":
            return f"the fast path is off: {found}"
    return ""


def _has_passed(results: Path, name: str) -> bool:
    lines = results.read_text().splitlines() if results.exists() else []
    return any(line.startswith(f"{name}: {VALUES} values,") and ", 0 faults," in line for line in lines)


class WrongOptionsContract(ABC):
    """`host`: the package of our parts for it."""

    host: ClassVar[str]

    @pytest.fixture(autouse=True)
    def imported(self) -> None:
        """Host and plugin, so that the children need not."""
        import airflow.jobs.scheduler_job_runner  # noqa: F401
        from sqlalchemy.orm import configure_mappers

        self.import_parts()
        configure_mappers()
        self.construct()

    @abstractmethod
    def import_parts(self) -> None:
        """Imports the modules that `construct` uses, and those of ours that are put in place."""

    @abstractmethod
    def construct(self) -> None:
        """Calls every constructor, property and method of ours that a starting process of the host calls."""

    def outcome(self, variable: str, text: str, *, is_tried: bool = True) -> dict[str, Any]:
        """The result of a start with this environment variable in a child, with the doctor's own trial or without."""
        readable, writable = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # forked with threads: of the servers of other tests
            pid = os.fork()
        if pid:
            os.close(writable)
            return _answer(pid, readable)
        try:
            os.close(readable)
            os.environ.update({f"{_VARIABLE}ENABLED": "True", variable: text})
            try:
                answer = json.dumps(self._start(is_tried)).encode()
            except BaseException:
                answer = json.dumps({"error": traceback.format_exc()}).encode()
            with os.fdopen(writable, "wb") as out:
                out.write(answer)
        finally:
            # Whatever happens, or the child would go on with the tests of its parent.
            os._exit(0)

    def _start(self, is_tried: bool) -> dict[str, Any]:
        from sched_cache_airflow import policy
        from sched_cache_airflow.hosts.installed import host_process
        from sched_cache_airflow.patching import status as status_module
        from sched_cache_airflow.patching.status import Status
        from sched_cache_airflow.reporting import doctor
        from sched_cache_airflow.settings.host_settings import forget_settings, settings_of_host

        # What the parent was told, an installation of the checkout included, does not count.
        status = policy.status = status_module.status = Status()
        forget_settings()
        warnings.simplefilter("ignore")
        lines = _Lines()
        logger = logging.getLogger("sched_cache")
        logger.addHandler(lines)
        if status.decide():
            status.installed = host_process().install()
        self.construct()
        if not is_tried:
            doctor.try_installation = lambda: iter(())  # type: ignore[assignment]
        examination = doctor.examine()
        assert examination is not None
        bad = [finding.what for finding in examination.findings if not finding.is_well]
        return {
            "is_on": status.is_on,
            "installed": status.installed,
            "wrong": {wrong.name: wrong.cost.name for wrong in settings_of_host().wrong},
            "fast_path": settings_of_host().fast_path,
            "lines": lines.lines,
            "bad": [what for what in bad if what.startswith("option ")],
        }

    @pytest.mark.parametrize("option", ALL.values(), ids=ALL)
    def test_no_value_of_an_option_ends_a_process(
        self, option: Option, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Of the host: it starts, one line is said of a wrong value, and the doctor names it."""
        name = f"{self.host} {option.name} seed {SEED}"
        if RESULTS and _has_passed(Path(RESULTS), name):
            pytest.skip(f"{VALUES} values have passed: {RESULTS}")
        started, n_wrong, faults = time.monotonic(), 0, []
        for number, text in enumerate(values_for(option, VALUES, SEED)):
            is_tried = not number % _VALUES_PER_TRIAL or VALUES < _VALUES_PER_TRIAL
            found = self.outcome(_VARIABLE + option.name.upper(), text, is_tried=is_tried)
            n_wrong += bool(found.get("wrong"))
            fault = _fault(option, found)
            if fault:
                faults.append(f"{text[:200]!r}: {fault}")
        line = (
            f"{name}: {VALUES} values, {n_wrong} wrong, {len(faults)} faults, "
            f"{time.monotonic() - started:.0f} s, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB"
        )
        if RESULTS:
            with capfd.disabled():
                print(f"\n{line}", flush=True)
            with Path(RESULTS).open("a") as results:
                results.write(line + "\n")
        assert not faults, "\n".join(faults[:_MAX_SHOWN])

    def test_a_child_that_hangs_or_dies_is_a_fault_of_its_value(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And the run goes on."""
        monkeypatch.setattr("tests.contracts.wrong_options.CHILD_SECONDS", 0.5)
        for end in (signal.pause, lambda: os.kill(os.getpid(), signal.SIGKILL)):
            monkeypatch.setattr(self, "_start", lambda _, end=end: end())
            assert "ended with 9" in self.outcome("ANY", "thing")["error"]

    @pytest.mark.parametrize(
        ("option", "text", "cost"),
        [
            ("TABLE_PREFIX", "SC_", "TABLES"),
            ("DATABASE_URL", "postgresql://h:notaport/x", "TABLES"),
            ("DATABASE_URL", "postgresql+asyncpg://a@h/x", "TABLES"),
            ("DATABASE_URL", "mysql+nodriver://a@h/x", "TABLES"),
            ("DATABASE_URL_CMD", "false", "TABLES"),
            ("DATABASE_POOL_SIZE", "nan", "TABLES"),
            ("DATABASE_NONSENSE", "1", "TABLES"),
            ("REDIS_URL", "http://h", "REDIS"),
            ("REDIS_URL_CMD", "/no/such/command", "REDIS"),
            ("REDIS_URL_SECRET", "no/such/secret", "REDIS"),
            ("REDIS_BREAKER_MAX_SECONDS", "0.5", "REDIS"),
            ("HOT_EXCLUDE", "task.task_id", "DEFAULT"),
            ("L1_MAX_BYTES", "9" * 400, "DEFAULT"),
            ("SHADOW_SHARE", "-1", "FAST_PATH"),
            ("PUBLISH_CONTENTS", "perhaps", "PUBLISHING"),
            ("EXCLUDE_DAGS", "x" * 251, "PLUGIN"),
            ("EXCLUDE_DAG", "a", "PLUGIN"),
        ],
    )
    def test_a_wrong_option_costs_its_own_part(self, option: str, text: str, cost: str) -> None:
        """As CONFIG.md says; the plugin as a whole only where it may have been told to leave DAGs alone."""
        found = self.outcome(_VARIABLE + option, text)
        assert "error" not in found, found["error"]
        assert list(found["wrong"].values()) == [cost]
        assert found["is_on"] is (cost != "PLUGIN")
        assert bool(found["installed"]) is (cost != "PLUGIN")
        assert len(found["lines"]) == 1
        assert len(found["bad"]) == 1

    def test_a_command_and_a_secret_are_asked_for(self) -> None:
        """As CONFIG.md says, although the host asks for those of its own sensitive options only."""
        found = self.outcome(f"{_VARIABLE}REDIS_URL_CMD", "echo -n redis://h:6")
        assert found.get("wrong") == {}, found
