"""A wrong argument or input of a command gives one line on standard error, a documented exit code and no traceback."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sched_cache.cli.commands import all_commands
from tests.support.command_line import Outcome, Run

FILES = ("encode", "decode", "inspect", "publish")
CACHES = ("publish FILE", "get KEY", "warm", "verify", "stats", "doctor", "init-db")
HOSTS = ("airflow-trigger install", "airflow-trigger remove")
OTHERS = ("bench", "certify", "demo", "watch")


def test_every_command_is_in_a_table() -> None:
    """A new one has to be tried too."""
    tried = {command.split()[0] for command in (*FILES, *CACHES, *HOSTS, *OTHERS)}
    assert tried == set(all_commands())


def assert_one_line(outcome: Outcome, command: str, *codes: int) -> None:
    """A line that begins with the command, and nothing like a traceback."""
    assert outcome.code in codes, outcome
    assert "Traceback" not in outcome.err
    # On a slow machine a command also says how far it is.
    (line,) = [line for line in outcome.err.splitlines() if " s left" not in line]
    assert line.startswith(f"sched-cache {command.split()[0]}: ")
    assert len(line) < 500


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHED_CACHE__DATABASE_URL", f"sqlite:///{tmp_path / 'dags.db'}")
    monkeypatch.setenv("SCHED_CACHE__DATABASE_TIMEOUT_SECONDS", "1")


# Files


def missing(folder: Path) -> str:
    return str(folder / "missing.json")


def a_folder(folder: Path) -> str:
    return str(folder)


def a_file_below_a_file(folder: Path) -> str:
    (folder / "file").write_text("{}")
    return str(folder / "file" / "below")


def empty(folder: Path) -> str:
    return written(folder, b"")


def binary(folder: Path) -> str:
    return written(folder, os.urandom(2000))


def damaged(folder: Path) -> str:
    return written(folder, b"\x9bSCD\x01\x01\x00\x00\xff\xff\xff\xff" + bytes(100))


def no_dag(folder: Path) -> str:
    return written(folder, b'{"dag": [1, 2]}')


def nested(folder: Path) -> str:
    return written(folder, b"[" * 200_000)


def digits(folder: Path) -> str:
    return written(folder, b'{"dag": {"dag_id": "x", "tasks": [], "n": ' + b"9" * 10_000 + b"}}")


def without_end(folder: Path) -> str:
    return "/dev/zero"


def a_name_with_nul(folder: Path) -> str:
    return "a\0b"


def a_long_name(folder: Path) -> str:
    return "x" * 5000


def written(folder: Path, data: bytes) -> str:
    path = folder / "given"
    path.write_bytes(data)
    return str(path)


CANNOT_BE_READ = (missing, a_folder, a_file_below_a_file, without_end, a_name_with_nul, a_long_name)
BAD = (empty, binary, damaged, no_dag, nested, digits)


@pytest.mark.parametrize("make", [*CANNOT_BE_READ, *BAD])
@pytest.mark.parametrize("command", FILES)
def test_files(
    run: Run, tmp_path: Path, command: str, make: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """2 if it cannot be read, 1 if what is in it is bad."""
    monkeypatch.setattr("sched_cache.cli.files._MAX_BYTES", 1 << 20)
    outcome = run(command, make(tmp_path))
    assert_one_line(outcome, command, 2 if make in CANNOT_BE_READ else 1)


@pytest.mark.parametrize("target", ["/dev/full", "missing/out", "."])
@pytest.mark.parametrize("command", ["encode", "decode"])
def test_a_target_that_cannot_be_written(
    run: Run, tmp_path: Path, nightly_json: Path, nightly_scd: Path, command: str, target: str
) -> None:
    source = nightly_json if command == "encode" else nightly_scd
    path = target if target.startswith("/") else tmp_path / target
    assert_one_line(run(command, source, "-o", path), command, 2)


# Databases and Redis


def no_server(folder: Path) -> list[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    return ["--database-url", f"postgresql://user:secret@127.0.0.1:{port}/x"]


def no_such_host(folder: Path) -> list[str]:
    return ["--database-url", "postgresql://user:secret@no-such-host.invalid/x"]


def no_database(folder: Path) -> list[str]:
    return ["--database-url", f"sqlite:///{written(folder, os.urandom(5000))}"]


def no_folder(folder: Path) -> list[str]:
    return ["--database-url", f"sqlite:///{folder / 'missing' / 'x.db'}"]


def another_schema(folder: Path) -> list[str]:
    return other_tables(folder, "CREATE TABLE sched_cache_meta (x int)")


def a_schema_of_text(folder: Path) -> list[str]:
    return other_tables(
        folder,
        "CREATE TABLE sched_cache_meta (id, counter, incarnation, purged_seq, schema_version)",
        "INSERT INTO sched_cache_meta VALUES (1, 'x', 'y', 'z', 'w')",
    )


def a_newer_schema(folder: Path) -> list[str]:
    return other_tables(
        folder,
        "CREATE TABLE sched_cache_meta (id, counter, incarnation, purged_seq, schema_version)",
        "INSERT INTO sched_cache_meta VALUES (1, 1, 'y', 1, 99)",
    )


def half_the_tables(folder: Path) -> list[str]:
    return other_tables(
        folder,
        "CREATE TABLE sched_cache_meta (id, counter, incarnation, purged_seq, schema_version)",
        "INSERT INTO sched_cache_meta VALUES (1, 1, 'y', 1, 1)",
    )


def other_tables(folder: Path, *statements: str) -> list[str]:
    path = folder / "other.db"
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return ["--database-url", f"sqlite:///{path}"]


def not_a_url(folder: Path) -> list[str]:
    return ["--database-url", "no url: secret"]


def another_database(folder: Path) -> list[str]:
    return ["--database-url", "oracle://user:secret@host/x"]


def a_bad_port(folder: Path) -> list[str]:
    return ["--database-url", "postgresql://user:secret@host:port/x"]


DATABASES = (
    no_server,
    no_such_host,
    no_database,
    no_folder,
    another_schema,
    a_schema_of_text,
    a_newer_schema,
    half_the_tables,
)
URLS = (not_a_url, another_database, a_bad_port)


@pytest.mark.parametrize("make", [*DATABASES, *URLS])
@pytest.mark.parametrize("command", [*CACHES, *HOSTS])
def test_databases(
    run: Run, tmp_path: Path, nightly_json: Path, command: str, make: Callable[[Path], list[str]]
) -> None:
    """1 if it does not answer or has other tables than ours, 2 if the URL cannot be used; no password anywhere."""
    words = [nightly_json if word == "FILE" else word for word in command.split()]
    redis = [] if command in HOSTS else ["--redis-url", "fake://x"]
    outcome = run(*words, *make(tmp_path), *redis)
    assert b"secret" not in outcome.out
    assert "secret" not in outcome.err.replace("no url: secret", "")
    if make is half_the_tables and outcome.code == 0:
        assert all(" s left" in line for line in outcome.err.splitlines())  # the others are made again
        return
    if command == "airflow-trigger remove" and outcome.out.endswith(b"there was none\n"):
        assert outcome.code == 0
        return
    if command == "doctor" and make in DATABASES:
        assert outcome.code == 1
        assert outcome.err == ""
        assert b"BAD" in outcome.out
        return
    assert_one_line(outcome, command, 2 if make in URLS else 1)


@pytest.mark.parametrize("url", ["redis://host:port/0", "http://host", "redis://u:secret@[::1", "nonsense"])
@pytest.mark.parametrize("command", list(CACHES))
def test_redis_urls(run: Run, nightly_json: Path, command: str, url: str) -> None:
    words = [nightly_json if word == "FILE" else word for word in command.split()]
    outcome = run(*words, "--redis-url", url)
    assert_one_line(outcome, command, 2)
    assert "secret" not in outcome.err


# The streams, and interruptions


def child(*arguments: str, **options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sched_cache", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("arguments", [["--help"], ["doctor"], ["demo", "--seconds", "1", "--dags", "3"]])
def test_a_reader_that_is_gone(arguments: list[str]) -> None:
    """As in `| head`: nothing is said."""
    reading, writing = os.pipe()
    os.close(reading)
    with child(*arguments, stdout=writing) as process:
        os.close(writing)
        assert process.stderr is not None
        said = process.stderr.read()
        assert b"Traceback" not in said
        assert process.wait(60) == 141, said


@pytest.mark.parametrize("arguments", [["--help"], ["doctor"]])
def test_a_full_disk(arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full, child(*arguments, stdout=full) as process:
        assert process.stderr is not None
        said = process.stderr.read().decode()
        assert "Traceback" not in said
        assert "Exception ignored" not in said
        assert process.wait(60) == 2, said


@pytest.mark.parametrize("descriptor", [1, 2])
def test_a_closed_stream(descriptor: int) -> None:
    """As with `>&-`."""
    with child("--version", stdout=subprocess.PIPE, preexec_fn=lambda: os.close(descriptor)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        out, said = process.stdout.read(), process.stderr.read()
        assert b"Traceback" not in said
        assert process.wait(60) == (2 if descriptor == 1 else 0)
        assert out.startswith(b"sched-cache") == (descriptor == 2)


@pytest.mark.parametrize(
    "arguments", [["demo", "--seconds", "60"], ["stats", "--watch", "0.1"], ["encode", "-"]]
)
def test_an_interruption(arguments: list[str]) -> None:
    """One line, however long the command has been at it."""
    # A shell starts what runs in the background with the signal ignored, and children inherit that.
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
    with child(
        *arguments, **streams, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    ) as process:
        try:
            time.sleep(3)
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=300)[1].decode()
        finally:
            process.kill()  # one that goes on must not keep the tests
        assert process.returncode == 130
        assert said.splitlines()[-1] == f"sched-cache {arguments[0]}: interrupted"
        assert "Traceback" not in said


def test_no_more_memory(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(path: str) -> bytes:
        raise MemoryError

    monkeypatch.setattr("sched_cache.cli.commands.decode.read_file", exhausted)
    assert_one_line(run("decode", "x"), "decode", 1)
