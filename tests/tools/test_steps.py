"""How `make test` runs its steps and what it says at the end."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools import suites
from tools.steps import SKIPPED, Step, report, run, scratch_folder

CHECKOUT = Path(__file__).resolve().parents[2]


def step(name: str, code: str, *needs: str, silent_seconds: float = 60.0) -> Step:
    return Step(name, (sys.executable, "-I", "-c", code), needs, silent_seconds)


def is_alive(pid: int) -> bool:
    """Whether the process still runs; one that ended and whose parent is gone may linger as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_step_runs_after_what_it_needs(tmp_path: Path) -> None:
    """Even when it stands first in the list and there is room for both."""
    made = tmp_path / "made"
    steps = [step("reader", f"open({str(made)!r})", "writer"), step("writer", f"open({str(made)!r}, 'w')")]
    assert [result.status for result in run(steps, tmp_path, jobs=2)] == ["passed", "passed"]


def test_steps_that_would_wait_for_each_other_run_one_at_a_time(tmp_path: Path) -> None:
    """And leave the room to others: each of the two would fail beside the other."""
    lock = str(tmp_path / "lock")
    code = f"import os, time; os.mkdir({lock!r}); time.sleep(0.3); os.rmdir({lock!r})"
    steps = [Step(name, (sys.executable, "-I", "-c", code), alone_in="lock") for name in ("first", "second")]
    assert [result.status for result in run(steps, tmp_path, jobs=2)] == ["passed", "passed"]


def test_a_failure_is_told_and_stops_only_what_needs_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 1, the step that needs it is skipped, the others run."""
    steps = [step("bad", "raise SystemExit('broken')"), step("after", "", "bad"), step("other", "")]
    results = run(steps, tmp_path, jobs=1)
    assert [result.status for result in results] == ["failed", "skipped", "passed"]
    assert report(results, 1.0) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "===== 1 errors in 1.00s ====="


def test_a_step_may_say_that_it_cannot_run_here(tmp_path: Path) -> None:
    """That is no failure, and its last line is the reason in the table."""
    results = run([step("3.12", f"print('not installed'); raise SystemExit({SKIPPED})")], tmp_path, jobs=1)
    assert [(result.status, result.last_line) for result in results] == [("skipped", "not installed")]
    assert report(results, 1.0) == 0


def test_tests_are_summed_from_pytests_own_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both of its styles are understood, also when something is printed after them."""
    quiet = "print('2 passed, 1 skipped in 0.50s'); print('left over')"
    loud = "print('=== 1 failed, 3 passed, 1 warning in 61.00s (0:01:01) ==='); raise SystemExit(1)"
    results = run([step("quiet", quiet), step("loud", loud)], tmp_path, jobs=2)
    assert report(results, 62.0) == 1
    last_line = capsys.readouterr().out.splitlines()[-1]
    assert last_line == "===== 1 failed, 5 passed, 1 skipped, 1 warnings in 62.00s ====="


def test_a_failing_test_is_named_at_once_and_in_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the step is cut off in a later test, which is named too: pytest itself would name neither."""
    (tmp_path / "test_some.py").write_text(
        "import signal, time\n"
        "def test_bad(): assert False\n"
        "def test_hangs():\n"
        "    signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "    time.sleep(60)\n"
    )
    pytest_of_step = (
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tools.noted_tests",
        "--rootdir",
        str(tmp_path),
    )
    command = ("env", f"PYTHONPATH={CHECKOUT}", *pytest_of_step, "test_some.py")
    (result,) = run([Step("tests", command, silent_seconds=15.0)], tmp_path, jobs=1, grace_seconds=0.5)
    assert result.failed_tests == ("test_some.py::test_bad - call: assert False",)
    assert result.last_line == "stopped after 15 s without progress, in test_some.py::test_hangs"
    printed = capsys.readouterr().out
    assert printed.index("tests: FAILED test_some.py::test_bad") < printed.index("stopped after")
    report([result], 1.0)
    assert "tests: FAILED test_some.py::test_bad - call: assert False" in capsys.readouterr().out


def test_a_step_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    """Its whole process group ends, and it counts as failed."""
    child = "import os, signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)"
    parent = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        f"open({str(tmp_path / 'child')!r}, 'w').write(str(child.pid))\n"
        "try: time.sleep(60)\n"
        "except KeyboardInterrupt: raise SystemExit(0)"
    )
    (result,) = run([step("hangs", parent, silent_seconds=4.0)], tmp_path, jobs=1)
    assert result.status == "failed"
    assert result.last_line == "stopped after 4 s without progress"
    deadline = time.monotonic() + 5  # a signal is sent, not delivered
    while is_alive(int((tmp_path / "child").read_text())):
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    "progress", ["print('.', flush=True)", "open(os.environ['STEP_NOTES'], 'a').write('running a_test\\n')"]
)
def test_a_step_may_take_as_long_as_it_makes_progress(tmp_path: Path, progress: str) -> None:
    """A busy machine delays the end of a step by hours, but neither its output nor the beginning of tests."""
    code = f"import os, time\nfor _ in range(10):\n    {progress}\n    time.sleep(1)"
    (result,) = run([step("long", code, silent_seconds=6.0)], tmp_path, jobs=1)
    assert result.status == "passed"
    assert result.seconds > 9


def test_processor_time_is_that_of_a_step_and_of_its_children(tmp_path: Path) -> None:
    """Beside its seconds it says whether more steps at a time would help."""
    work = "import time\nwhile time.process_time() < 0.5: pass"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}], check=True)"
    busy, idle = run([step("busy", child), step("idle", "import time; time.sleep(1)")], tmp_path, jobs=2)
    assert busy.cpu_seconds >= 0.5
    assert idle.seconds >= 1 and idle.cpu_seconds < 0.5


def test_each_step_has_a_temporary_folder_that_goes_with_it(tmp_path: Path) -> None:
    """Users that its servers run as can write there."""
    code = "import os, tempfile; print(tempfile.mkdtemp(), oct(os.stat(tempfile.gettempdir()).st_mode)[-4:])"
    results = run([step("first", code), step("second", code)], tmp_path, jobs=2)
    folders, modes = zip(*(result.last_line.split() for result in results), strict=True)
    assert modes == ("1777", "1777")
    assert len({Path(folder).parent for folder in folders}) == 2
    assert not any(Path(folder).parent.parent.exists() for folder in folders)


def test_temporary_folders_are_in_memory_only_if_there_is_enough(tmp_path: Path) -> None:
    assert scratch_folder(1, tmp_path / "missing") is None
    assert scratch_folder(1_000_000, tmp_path) is None
    assert scratch_folder(0, tmp_path) == tmp_path


def test_what_a_step_leaves_out_is_there() -> None:
    """pytest says nothing of a path that it is to ignore and that has moved."""
    ignored = [
        argument.removeprefix("--ignore=")
        for one in suites.steps()
        for argument in one.command
        if argument.startswith("--ignore=")
    ]
    assert ignored
    assert [path for path in ignored if not (CHECKOUT / path).exists()] == []


def test_what_one_step_leaves_out_another_runs() -> None:
    """In full, where a variable has the others repeat less."""
    runs = [_Selection.of(one) for one in suites.steps() if "pytest" in one.command]
    left_out = {path for run in runs for path in run.without}
    assert [path for path in left_out if not any(run.has(path) for run in runs if not run.repeats_less)] == []


@dataclass(frozen=True, slots=True)
class _Selection:
    """The tests that a step runs."""

    paths: tuple[Path, ...]
    without: tuple[Path, ...]
    repeats_less: bool

    @classmethod
    def of(cls, one: Step) -> _Selection:
        words = one.command[one.command.index("pytest") :]
        ignored = tuple(
            Path(word.removeprefix("--ignore=")) for word in words if word.startswith("--ignore=")
        )
        paths = tuple(Path(word) for word in words if word.split("/")[0] == "tests")
        return cls(paths, ignored, any(word.startswith("SCHED_CACHE_FORKS=") for word in one.command))

    def has(self, path: Path) -> bool:
        above = {path, *path.parents}
        return bool(above & {*self.paths}) and not above & {*self.without}
