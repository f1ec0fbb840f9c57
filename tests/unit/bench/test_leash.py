"""A process that was started on a leash ends with its starter."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.leash import let_go, start_on_leash
from tests.unit.bench.family import Family

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="tells families by /proc")

ENDINGS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
SLEEP = "import time; time.sleep(600)"

# Three generations: the youngest is on a leash of its own and in no group of the others; one child has no leash; and
# nobody reads what it is told.
OWNER = f"""
import signal, sys, time
from bench.leash import start_on_leash
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)  # under nohup, or in the background of a shell, some are ignored
child = '''
import subprocess, sys, time
from bench.leash import start_on_leash
leashed = start_on_leash([sys.executable, "-c", "{SLEEP} # youngest"], patience_seconds=0.0)
plain = subprocess.Popen([sys.executable, "-c", "{SLEEP} # plain"])
time.sleep(600)
'''
start_on_leash([sys.executable, "-c", child], patience_seconds=0.2)
time.sleep(600)
"""


@pytest.mark.parametrize("number", ENDINGS, ids=lambda number: number.name)
def test_all_generations_end_with_their_owner(number: signal.Signals) -> None:
    """This holds for any end of the owner, and although all processes ignore signals."""
    family = Family([sys.executable, "-c", OWNER], stderr=subprocess.DEVNULL)
    family.wait_until(lambda members: sum("#" in m for m in members.values()) >= 2 and len(members) >= 6, 20)
    family.head.send_signal(number)
    family.head.wait(20)
    family.wait_until(lambda members: not members, 10)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_servers_end_with_the_process_that_has_started_them(number: signal.Signals) -> None:
    """PostgreSQL's own processes, too, each of which is a group of its own; and their data."""
    code = (
        "import sys, time\n"
        "from bench.servers import ServerError, postgres_server, redis_server\n"
        "try:\n"
        "    with postgres_server(), redis_server():\n"
        "        print('up', flush=True)\n"
        "        time.sleep(600)\n"
        "except ServerError as error:\n"
        "    print(error, flush=True)\n"
    )
    family = Family([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert family.head.stdout is not None
    said = family.head.stdout.readline()
    if b"not installed" in said and not os.environ.get("CI"):
        family.head.wait(20)
        family.head.stdout.close()
        pytest.skip(said.decode())
    assert said == b"up\n"
    running = " ".join(family.members().values())
    assert "redis" in running
    folders = set(re.findall(r"/\S+/bench-postgres-\w+", running))
    family.head.send_signal(number)
    family.head.wait(20)
    family.head.stdout.close()
    family.wait_until(lambda members: not members, 15)
    assert folders and not any(Path(folder).exists() for folder in folders)


def test_a_leash_passes_words_and_status_on() -> None:
    """Nobody can tell that there is one."""
    process = start_on_leash([sys.executable, "-c", "print(input()); exit(7)"], stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("hello\n")
    process.stdin.flush()
    assert process.stdout.readline() == "hello\n"
    let_go(process)
    assert process.returncode == 7


def test_who_hears_the_end_of_its_input_ends_in_peace() -> None:
    """It may take its time to clean up; only what it has left behind is killed."""
    code = "import sys, time; sys.stdin.read(); time.sleep(0.3); exit(5)"
    process = start_on_leash([sys.executable, "-c", code])
    let_go(process)
    assert process.returncode == 5


def test_a_signal_comes_before_the_end() -> None:
    """For servers, which read nothing."""
    code = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit(3)); print(flush=True); time.sleep(600)"
    process = start_on_leash(
        [sys.executable, "-c", code], ending_signal=signal.SIGTERM, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    let_go(process)
    assert process.returncode == 3


def test_who_ends_the_leash_ends_the_command() -> None:
    """As if it had been the command."""
    family = Family(
        [
            sys.executable,
            "-c",
            f"from bench.leash import main; main(0, 0.1, '', [{sys.executable!r}, '-c', '{SLEEP}'])",
        ],
        stdin=subprocess.PIPE,
    )
    family.wait_until(lambda members: len(members) == 2, 10)
    family.head.terminate()
    family.head.wait()
    family.wait_until(lambda members: not members, 10)
    assert family.head.stdin is not None
    family.head.stdin.close()
