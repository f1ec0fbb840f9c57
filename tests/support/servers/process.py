"""One server process that a test may start, stop, kill, pause and start again."""

from __future__ import annotations

import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from typing_extensions import Self

_START_SECONDS = 300.0
_STOP_SECONDS = 120.0
"""An idle machine needs a second or two; a busy one may need minutes."""

_LOWEST_PORT = 20_000
_FIRST_OUTGOING_PORT = 32_768


class ServerMissingError(Exception):
    """This machine does not have the program; see `required` for what a test does about it."""


class ServerStartError(Exception):
    """The program is there and did not come up. The text ends with its log."""


class ServerProcess(ABC):
    """A server in a folder and on a port of its own; both stay the same over `restart`.

    As root it runs as the first existing of `run_as`: some servers refuse root. Its process stays in the
    caller's process group, so whatever ends a hung test run ends its servers too.
    """

    run_as: ClassVar[Sequence[str]] = ("nobody",)
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self) -> None:
        self.user = _user(self.run_as)
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{type(self).__name__.lower()}-"))
        if self.user is not None:
            shutil.chown(self.folder, self.user)
        self._process: subprocess.Popen[bytes] | None = None
        self._came_up = False

    @abstractmethod
    def command(self) -> list[str]:
        """The program and its arguments, staying in the foreground."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it answers a client."""

    def prepare(self) -> None:  # noqa: B027 - most need nothing
        """Fills `folder` before the first start."""

    @property
    def pid(self) -> int | None:
        """None unless it runs."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    def start(self) -> None:
        """Returns once it answers.

        Raises:
            ServerStartError: it ended, or did not answer in time.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not self._try_start(deadline):
            # After a crash the system may hold the port or the memory of the old process a little longer.
            if not self._came_up or time.monotonic() > deadline:
                self.kill()
                raise ServerStartError(f"{type(self).__name__} on port {self.port}:\n{self.log()[-4000:]}")
            time.sleep(0.2)
        self._came_up = True

    def log(self) -> str:
        """The output of the process since its last start."""
        return (self.folder / "server.log").read_text(errors="replace")

    def stop(self) -> None:
        """Ends it in order, also when it is paused."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """Ends it as a crash does; what it had not written is lost."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """Stops it from answering: returns once each thread stands still. Its port still accepts connections."""
        assert self._process is not None
        pause_process(self._process.pid)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Ends it and removes its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Runs a program of the server's own, in its folder and as its user.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        return subprocess.run(
            command,
            cwd=self.folder,
            user=self.user,
            check=True,
            capture_output=True,
            text=True,
            timeout=_START_SECONDS,
        )

    def _try_start(self, deadline: float) -> bool:
        with (self.folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                user=self.user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        while self._process.poll() is None and time.monotonic() < deadline:
            if self.is_ready():
                return True
            time.sleep(0.02)
        return False

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.send_signal(signal.SIGCONT)  # a paused process ends when it runs again
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def pause_process(pid: int) -> None:
    """Returns once each thread of the process stands still, which a busy machine may take a while for.

    Raises:
        TimeoutError: one of them does not.
    """
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + _STOP_SECONDS
    while not all(_stands_still(stat) for stat in Path(f"/proc/{pid}/task").glob("*/stat")):
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} did not stop within {_STOP_SECONDS:.0f} s")
        time.sleep(0.001)


def _stands_still(stat: Path) -> bool:
    try:
        # The name before the state is in parentheses, and may have some itself.
        return stat.read_text().rpartition(")")[2].split()[0] in "TtZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def free_port(twin_offset: int = 0) -> int:
    """A free port whose neighbour, `twin_offset` above it, is free, too.

    Both are below the range from which the system takes ports for outgoing connections, so nothing takes them
    while their server is down.
    """
    for _ in range(1000):
        port = random.SystemRandom().randrange(_LOWEST_PORT, _FIRST_OUTGOING_PORT - twin_offset)
        if _is_free(port) and _is_free(port + twin_offset):
            return port
    raise ServerStartError("no free port")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def program(name: str, *folders: str) -> str:
    """The full path of `name`, looked for in `folders` (patterns; the highest version wins) and then in PATH.

    Raises:
        ServerMissingError: it is nowhere.
    """
    for pattern in folders:
        found = sorted(Path("/").glob(f"{pattern.lstrip('/')}/{name}"), key=_numbers)
        if found:
            return str(found[-1])
    path = shutil.which(name)
    if path is None:
        raise ServerMissingError(f"{name} is not installed")
    return path


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]


def _user(names: Sequence[str]) -> str | None:
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in (*names, "nobody") if name in known), None)
