"""The common behaviour of all commands: help, exit codes, and one line on standard error for each error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sched_cache.cli.commands import all_commands
from sched_cache.cli.failure import UsageError
from tests.support.command_line import Run

COMMANDS = sorted(all_commands())


def test_help_lists_every_command_with_a_line_of_its_own(run: Run) -> None:
    outcome = run("--help")
    assert outcome.code == 0
    text = outcome.out.decode()
    for name, command in all_commands().items():
        assert command.__doc__ is not None
        assert f"\n    {name} " in text or f"\n    {name}\n" in text  # a long name has the line to itself
    assert "exit codes:" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_has_examples_of_it(run: Run, name: str) -> None:
    outcome = run(name, "--help")
    assert outcome.code == 0
    examples = outcome.out.decode().split("examples:\n")[1]
    assert f"sched-cache {name}" in examples.splitlines()[0]


def test_without_a_command_the_help_goes_to_standard_error(run: Run) -> None:
    outcome = run()
    assert (outcome.code, outcome.out) == (2, b"")
    assert "usage: sched-cache" in outcome.err


@pytest.mark.parametrize("arguments", [["no-such-command"], ["encode"], ["encode", "a", "--no-such-option"]])
def test_wrong_usage_ends_with_2(run: Run, arguments: list[str]) -> None:
    outcome = run(*arguments)
    assert (outcome.code, outcome.out) == (2, b"")
    assert "usage: sched-cache" in outcome.err


def test_version_is_one_line(run: Run) -> None:
    outcome = run("--version")
    assert outcome.code == 0
    assert outcome.out.startswith(b"sched-cache")
    assert outcome.out.count(b"\n") == 1


def test_interrupted_command_ends_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: str) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("sched_cache.cli.commands.decode.read_file", interrupted)
    outcome = run("decode", "nightly.scd")
    assert (outcome.code, outcome.err) == (130, "sched-cache decode: interrupted\n")


def test_bugs_are_not_swallowed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: str) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr("sched_cache.cli.commands.decode.read_file", broken)
    with pytest.raises(ZeroDivisionError):
        run("decode", "nightly.scd")


def test_usage_error_names_the_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(path: str) -> bytes:
        raise UsageError("nightly.scd: cannot be read: it is locked")

    monkeypatch.setattr("sched_cache.cli.commands.decode.read_file", unreadable)
    outcome = run("decode", "nightly.scd")
    assert (outcome.code, outcome.err) == (
        2,
        "sched-cache decode: nightly.scd: cannot be read: it is locked\n",
    )


def test_help_imports_no_driver() -> None:
    """`--help` answers at once: no database or Redis library is loaded for it."""
    program = (
        "import sys\n"
        "from sched_cache.cli import main\n"
        "main(['--help']), main(['inspect', '--help'])\n"
        "print(sorted({'sqlalchemy', 'redis', 'fakeredis', 'airflow'} & set(sys.modules)), file=sys.stderr)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stderr == "[]\n"


def test_module_can_be_run(nightly_scd: Path) -> None:
    command = [sys.executable, "-m", "sched_cache", "decode", str(nightly_scd)]
    ended = subprocess.run(command, capture_output=True, check=True)
    assert b'"nightly"' in ended.stdout


def test_reader_that_has_seen_enough_gets_no_traceback(tmp_path: Path, run: Run) -> None:
    """As in `sched-cache decode big.scd | head -1`."""
    big = tmp_path / "big.json"
    big.write_text('{"dag": {"dag_id": "big", "doc_md": "%s", "tasks": []}}' % ("x" * 5_000_000))
    assert run("encode", big).code == 0
    command = [sys.executable, "-m", "sched_cache", "decode", str(big.with_suffix(".scd"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 141
