"""No value of an option ends a process of the host, and each wrong one is said once and named by the doctor.

Each value goes through the plugin's whole installation and the constructors of ours that the host calls, in a child
of a process that has imported Airflow. A host's `test_options.py` derives from this.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
import warnings
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import pytest

from sched_cache.config.option import Option
from sched_cache_airflow.conf import CORE_OPTIONS, OWN_OPTIONS
from tests.support.option_values import values_for

ALL = {**OWN_OPTIONS, **CORE_OPTIONS}
VALUES = int(os.environ.get("SCHED_CACHE_OPTION_VALUES") or 5)
SEED = int(os.environ.get("SCHED_CACHE_OPTION_SEED") or 11)
_VARIABLE = "AIRFLOW__SCHED_CACHE__"


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


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

    def outcome(self, variable: str, text: str) -> dict[str, Any]:
        """What came of a start with this environment variable, in a child."""
        readable, writable = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # forked with threads: of the servers of other tests
            pid = os.fork()
        if pid:
            os.close(writable)
            with os.fdopen(readable, "rb") as answer:
                found = answer.read()
            _, status = os.waitpid(pid, 0)
            return json.loads(found) if found else {"error": f"ended with {status}"}
        try:
            os.close(readable)
            os.environ.update({f"{_VARIABLE}ENABLED": "True", variable: text})
            answer = json.dumps(self._start()).encode()
        except BaseException:
            answer = json.dumps({"error": traceback.format_exc()}).encode()
        with os.fdopen(writable, "wb") as out:
            out.write(answer)
        os._exit(0)

    def _start(self) -> dict[str, Any]:
        from sched_cache_airflow import doctor, policy
        from sched_cache_airflow.host_settings import forget_settings, settings_of_host
        from sched_cache_airflow.status import Status

        # What the parent was told, an installation of the checkout included, does not count.
        status = policy.status = Status()
        forget_settings()
        warnings.simplefilter("ignore")
        lines = _Lines()
        logger = logging.getLogger("sched_cache")
        logger.addHandler(lines)
        if status.decide():
            status.installed = status.part("install").install()
        self.construct()
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
    def test_no_value_of_an_option_ends_a_process(self, option: Option) -> None:
        """Of the host: it starts, one line is said of a wrong value, and the doctor names it."""
        for text in values_for(option, VALUES, SEED):
            found = self.outcome(_VARIABLE + option.name.upper(), text)
            assert "error" not in found, (option.name, text, found["error"])
            assert found["bad"] == [f"option {name}" for name in found["wrong"]], (text, found)
            assert len(found["lines"]) == bool(found["wrong"]), (text, found)
            assert set(found["wrong"]) <= {option.name, "redis_breaker_max_seconds"}, (text, found)
            if set(found["wrong"].values()) <= {"REDIS", "TABLES", "DEFAULT", "PUBLISHING", "REFRESH"}:
                assert found["is_on"] or option.name == "enabled", (text, found)
                assert found["fast_path"] or option.name == "fast_path", (text, found)

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
