"""A server that a test pauses stands still when `pause` returns, however busy the machine is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.servers.process import pause_process

# Threads that are in the middle of something, as those of a database are.
_BUSY = """
import hashlib, threading
data = bytes(1 << 20)
def work():
    while True:
        hashlib.sha256(data)
for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
print(flush=True)
work()
"""


def test_a_paused_process_stands_still() -> None:
    """Each of its threads: a signal reaches them one by one."""
    with subprocess.Popen([sys.executable, "-c", _BUSY], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            pause_process(process.pid)
            states = [
                stat.read_text().rpartition(")")[2].split()[0]
                for stat in Path(f"/proc/{process.pid}/task").glob("*/stat")
            ]
        finally:
            process.kill()
    assert states == ["T"] * 9
