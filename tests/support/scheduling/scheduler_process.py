"""Several schedulers on the same runs, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.support.scheduling.script import Script

SECONDS = 90.0
_CHECKOUT = Path(__file__).resolve().parents[3]


@contextmanager
def scheduler_process(
    module: str, script: Script, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """A process that runs `module`, which calls `scheduler_main.serve`; it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=_CHECKOUT,
        env={**os.environ, **environment, "PYTHONPATH": f"{_CHECKOUT}:{_CHECKOUT / 'adapters'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        _tell(process, json.dumps({"script": asdict(script), "seconds": SECONDS}))
        assert _answer(process) == "ready"
        yield process
    finally:
        process.kill()
        process.communicate()


def results_of(*processes: subprocess.Popen[str]) -> list[Any]:
    """Has them begin together; what each of them has done when every run has ended."""
    for process in processes:
        _tell(process, "go")
    return [json.loads(_answer(process)) for process in processes]


def assert_done_once(results: Sequence[Any], expected: Sequence[tuple[Any, ...]]) -> None:
    """Every try was executed by one of them, and they are those of a single scheduler."""
    executed = Counter(tuple(task) for result in results for task in result["executed"])
    assert [task for task, count in executed.items() if count > 1] == []
    assert set(executed) == set(expected)
    assert all(result["executed"] for result in results), "one of them had nothing to do"


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _answer(process: subprocess.Popen[str]) -> str:
    """The next line that is not one of the host's log."""
    assert process.stdout is not None
    for line in process.stdout:
        if line == "ready\n" or line.startswith("{"):
            return line.strip()
    raise AssertionError("the scheduler ended without an answer")
