"""Several schedulers on the same runs, each in a process of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from tests.support.module_process import ModuleProcess
from tests.support.scheduling.script import Script

SECONDS = 90.0


@contextmanager
def scheduler_process(module: str, script: Script, environment: Mapping[str, str]) -> Iterator[ModuleProcess]:
    """A process that runs `module`, which calls `scheduler_main.serve`; it is ready."""
    with ModuleProcess(module, environ=environment) as process:
        assert process.ask({"script": asdict(script), "seconds": SECONDS}) == "ready"
        yield process


def results_of(*processes: ModuleProcess) -> list[Any]:
    """Has them begin together; what each of them has done when every run has ended."""
    for process in processes:
        process.send("go")
    return [process.answer() for process in processes]


def assert_done_once(results: Sequence[Any], expected: Sequence[tuple[Any, ...]]) -> None:
    """Every try was executed by one of them, and they are those of a single scheduler."""
    executed = Counter(tuple(task) for result in results for task in result["executed"])
    assert [task for task, count in executed.items() if count > 1] == []
    assert set(executed) == set(expected)
    assert all(result["executed"] for result in results), "one of them had nothing to do"
