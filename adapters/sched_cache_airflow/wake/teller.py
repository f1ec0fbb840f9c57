"""Tells the schedulers of other processes, in a thread of its own, that there may be something to do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.util import Finalize
from threading import Event, Lock, Thread
from typing import Final

from sched_cache import fork

logger = logging.getLogger("sched_cache.airflow")

COALESCE_SECONDS: Final = 0.01
"""The least time between two messages of a process. Transitions in between share one."""
_LAST_SECONDS: Final = 0.5
_CLOSE_SECONDS: Final = 0.5


class Teller:
    """Sends at most one message per `COALESCE_SECONDS`. Thread-safe, and usable after a fork.

    Args:
        send: sends one message, and may take as long as it likes. Its errors are logged once, until it works again:
            a message that is lost only delays a loop.
    """

    def __init__(self, send: Callable[[], object]) -> None:
        self._send = send
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """The thread and what it has sent are the parent's."""
        self.n_sent = 0
        self._lock = Lock()  # guards _thread
        self._thread: Thread | None = None
        self._wanted = Event()
        self._idle = Event()
        self._stopped = Event()
        self._is_waited_for = False
        self._has_failed = False

    def tell(self) -> None:
        """Has a message sent soon. Returns at once."""
        self._idle.clear()
        self._wanted.set()
        self._start()
        if not self._is_waited_for and parent_process() is not None:
            # A process that was forked for one task ends without waiting for its threads.
            self._is_waited_for = True
            Finalize(None, self._idle.wait, args=(_LAST_SECONDS,), exitpriority=10)

    def close(self) -> None:
        """Ends the thread after its last message, or leaves it behind if that takes long."""
        self._stopped.set()
        self._wanted.set()
        thread = self._thread
        if thread is not None:
            thread.join(_CLOSE_SECONDS)

    def _start(self) -> None:
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None and not self._stopped.is_set():
                self._thread = Thread(target=self._run, name="sched-cache-teller", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        wanted, stopped, idle = self._wanted, self._stopped, self._idle
        while True:
            wanted.wait()
            if stopped.is_set():
                return
            wanted.clear()
            self._send_one()
            if not wanted.is_set():
                idle.set()
            time.sleep(COALESCE_SECONDS)

    def _send_one(self) -> None:
        try:
            self._send()
            self.n_sent += 1
            self._has_failed = False
        except Exception as error:
            if not self._has_failed:
                self._has_failed = True
                logger.info("schedulers are not told of changes (said once, until they are): %s", error)
