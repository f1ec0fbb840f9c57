"""Runs steps that depend on each other, a few at a time, and reports the result of each."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tools.noted_tests import FAILED, NOTES, RUNNING

SKIPPED = 75  # EX_TEMPFAIL

# pytest's own last line, such as "== 3 passed, 1 skipped in 0.12s ==".
_PYTEST_LINE = re.compile(r"^(?:=+ )?(?P<counts>\d+ [a-z]+.*?) in [\d.]+s.*$")
_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|deselected|warnings?)")
# In pytest's order.
_OUTCOMES = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warnings", "errors")
_POLL_SECONDS = 0.05
_GRACE_SECONDS = 20.0
_MEMORY = Path("/dev/shm")
_MEMORY_BYTES_A_STEP = 2 << 30


@dataclass(frozen=True, slots=True)
class Step:
    """One command, run once every step it needs has passed.

    A command that ends with `SKIPPED` could not run on this machine; its last line of output says why, and
    steps that need it are skipped too.
    """

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    silent_seconds: float = 1800.0  # the longest time without progress
    alone_in: str = ""  # only one of the steps with the same value runs at a time


@dataclass(frozen=True, slots=True)
class Result:
    step: Step
    status: str  # "passed", "failed" or "skipped"
    seconds: float
    cpu_seconds: float  # of its process and of all that it has waited for
    last_line: str
    counts: Counter[str]
    failed_tests: tuple[str, ...] = ()


class _Running:
    """A started step. Its process leads a process group, so that all its children can be ended."""

    def __init__(self, step: Step, cwd: Path, grace_seconds: float, scratch: str) -> None:
        self.step = step
        self._grace_seconds = grace_seconds
        self._started_at = time.monotonic()
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by result()
        self._notes = tempfile.NamedTemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed by result()
        self._failed_tests: list[str] = []
        self._last_test = ""
        self._progress_at, self._n_bytes = self._started_at, 0
        self._interrupted_at: float | None = None
        self._folder = tempfile.mkdtemp(prefix="", dir=scratch)
        os.chmod(self._folder, 0o1777)  # as /tmp
        self._process = subprocess.Popen(
            step.command,
            cwd=cwd,
            env={**os.environ, NOTES: self._notes.name, "TMPDIR": self._folder},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def result(self) -> Result | None:
        """Prints the output of the step, and returns its result; None while it runs."""
        pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
        self._tell_failures()
        if not pid:
            self._end_if_stuck()
            return None
        code = self._process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - self._started_at
        self._output.seek(0)
        text = self._output.read().decode(errors="replace")
        self._output.close()
        self._notes.close()
        outcome = {0: "passed", SKIPPED: "skipped"}.get(code, "failed")
        if self._interrupted_at is not None:
            outcome = "failed"
            where = f", in {self._last_test}" if self._last_test else ""
            text += f"\nstopped after {self.step.silent_seconds:.0f} s without progress{where}\n"
            self._signal(signal.SIGKILL)  # to what it left behind
        shutil.rmtree(self._folder, ignore_errors=True)
        print(f"\n---- {self.step.name}: {outcome}, {seconds:.1f} s\n{text.strip()}", flush=True)
        last_line, counts = _outcome(text)
        return Result(
            *(self.step, outcome, seconds, usage.ru_utime + usage.ru_stime),
            *(last_line, counts, tuple(self._failed_tests)),
        )

    def interrupt(self) -> None:
        """Interrupts the step, so that pytest ends its servers."""
        self._interrupted_at = time.monotonic()
        self._signal(signal.SIGINT)

    def _tell_failures(self) -> None:
        """Prints the tests that have failed meanwhile, so that they are known even if this run is cut off."""
        for line in self._notes:
            what, _, name = line.rstrip("\n").partition(" ")
            if what == RUNNING:
                self._last_test = name
            elif what == FAILED and name not in self._failed_tests:
                self._failed_tests.append(name)
                print(f"---- {self.step.name}: FAILED {name}", flush=True)

    def _end_if_stuck(self) -> None:
        """Ends a step without progress, which is a byte of output or the beginning of a test.

        How long the whole takes depends on the other work of the machine, so it says nothing about the step.
        """
        now = time.monotonic()
        n_bytes = sum(os.fstat(file.fileno()).st_size for file in (self._output, self._notes))
        if n_bytes != self._n_bytes:
            self._progress_at, self._n_bytes = now, n_bytes
        if self._interrupted_at is None:
            if now - self._progress_at > self.step.silent_seconds:
                self.interrupt()
        elif now - self._interrupted_at > self._grace_seconds:
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # the group has ended
            os.killpg(self._process.pid, number)


def run(
    steps: Iterable[Step], cwd: Path, jobs: int, *, grace_seconds: float = _GRACE_SECONDS
) -> list[Result]:
    """Runs `steps`, at most `jobs` at a time, in their order where needs allow. Results are in that order.

    grace_seconds: how long a step that has been interrupted may take to end by itself.
    """
    waiting = list(steps)
    order = [step.name for step in waiting]
    scratch = tempfile.TemporaryDirectory(prefix="sc-", dir=scratch_folder(jobs), ignore_cleanup_errors=True)
    os.chmod(scratch.name, 0o755)  # servers run as users of their own, and write there
    running: list[_Running] = []
    results: list[Result] = []
    try:
        while waiting or running:
            for ended in [result for one in running if (result := one.result())]:
                running = [one for one in running if one.step is not ended.step]
                results.append(ended)
            status = {result.step.name: result.status for result in results}
            for step in list(waiting):
                missed = [name for name in step.needs if status.get(name, "passed") != "passed"]
                if missed:
                    waiting.remove(step)
                    results.append(Result(step, "skipped", 0.0, 0.0, f"needs {', '.join(missed)}", Counter()))
                elif (
                    len(running) < jobs
                    and all(name in status for name in step.needs)
                    and not (step.alone_in and any(one.step.alone_in == step.alone_in for one in running))
                ):
                    waiting.remove(step)
                    print(f"---- {step.name} ...", flush=True)
                    running.append(_Running(step, cwd, grace_seconds, scratch.name))
            time.sleep(_POLL_SECONDS)
    except BaseException:
        for one in running:
            one.interrupt()
        raise
    finally:
        scratch.cleanup()
    return sorted(results, key=lambda result: order.index(result.step.name))


def scratch_folder(jobs: int, memory: Path = _MEMORY) -> Path | None:
    """Where steps have their temporary folders: in memory if there is enough of it for all, else the usual place.

    A database that is copied before each test costs a fifth of the processor time there.
    """
    try:
        available = re.search(r"^MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
        free = min(shutil.disk_usage(memory).free, 1024 * int(available[1]) if available else 0)
        can_run = not os.statvfs(memory).f_flag & os.ST_NOEXEC
    except OSError:
        return None
    return memory if can_run and free >= jobs * _MEMORY_BYTES_A_STEP else None


def report(results: Sequence[Result], seconds: float) -> int:
    """Prints a table of `results`, then the sum of all tests in pytest's own words. Returns the exit code."""
    width = max(len(result.step.name) for result in results)
    print(f"\n{'step':{width}}  status   seconds  processor  last line")
    for result in results:
        name, said = result.step.name, result.last_line.strip("= ")[:90]
        print(f"{name:{width}}  {result.status:7} {result.seconds:8.1f} {result.cpu_seconds:10.1f}  {said}")
    for result in results:
        for test in result.failed_tests:
            print(f"{result.step.name}: FAILED {test}")
    total: Counter[str] = sum((result.counts for result in results), Counter())
    failed_steps = [result for result in results if result.status == "failed"]
    # A failed step that no failed test explains must show in the last line too.
    total["errors"] += sum(
        not (result.counts["failed"] or result.counts["errors"]) for result in failed_steps
    )
    words = ", ".join(f"{total[word]} {word}" for word in _OUTCOMES if total[word])
    print(f"===== {words or 'no tests ran'} in {seconds:.2f}s =====")
    sys.stdout.flush()
    return 1 if failed_steps else 0


def _outcome(output: str) -> tuple[str, Counter[str]]:
    """pytest's last line and its counts; of other programs the last line and no counts."""
    lines = output.strip().splitlines() or [""]
    for line in reversed(lines):
        if matched := _PYTEST_LINE.match(line):
            plural = {"error": "errors", "warning": "warnings"}
            found = _COUNT.findall(matched["counts"])
            return line, Counter({plural.get(word, word): int(n) for n, word in found})
    return lines[-1], Counter()
