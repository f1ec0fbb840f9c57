"""Hints by NOTIFY and LISTEN of PostgreSQL, for clusters without Redis.

NOTIFY is sent from a transaction of its own, never from one of the host: a transaction with a pending notification
takes a lock of the whole server when it commits.

LISTEN needs a session of its own, which a pooler that pools transactions does not give. Therefore a listener proves
itself: it sends itself a message by another connection when it starts and each minute, and counts as joined only if
that arrives.
"""

from __future__ import annotations

import logging
import random
import re
import select
import time
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex
from threading import Event, Lock, Thread
from typing import Any, Final

from sqlalchemy import func
from sqlalchemy import select as select_rows

from sched_cache import fork
from sched_cache_airflow.host_database.connections import open_as_host
from sched_cache_airflow.host_database.transactions import host_transaction

logger = logging.getLogger("sched_cache.airflow")

_POLL_SECONDS: Final = 0.25
_PROOF_SECONDS: Final = 60.0
_PROOF_LIMIT_SECONDS: Final = 3.0
_MIN_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.5, 30.0
_MAX_NAME: Final = 63
"""The limit of PostgreSQL; longer names would be cut off in LISTEN and refused in NOTIFY."""


def channel_name(namespace: str) -> str:
    """The channel of this namespace, in the database of the host."""
    return (re.sub(r"\W", "_", namespace, flags=re.ASCII) + "_hints")[-_MAX_NAME:]


def notify(channel: str, sender: str) -> None:
    """Sends one hint. One short transaction on a connection of the host's pool.

    Raises:
        StoreUnavailableError: the database did not answer.
    """
    with host_transaction() as connection:
        connection.execute(select_rows(func.pg_notify(channel, sender)))


class NotifyListener:
    """A thread with a connection of its own. Fulfils `Subscription`.

    Args:
        sender: returns the name of this process, whose hints it does not hear.
        open_connection: a connection of the driver in which LISTEN is executed. send: sends a text to the channel.
    """

    def __init__(
        self,
        channel: str,
        sender: Callable[[], str],
        on_heard: Callable[[], object],
        *,
        open_connection: Callable[[], Any] = open_as_host,
        send: Callable[[str, str], object] = notify,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channel = channel
        self._sender = sender
        self._on_heard = on_heard
        self._open = open_connection
        self._send = send
        self._monotonic = monotonic
        self._connections_of_parents: list[Any] = []
        self._connection: Any = None
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Drops the connection of the parent without ending its session: a child keeps it, unused."""
        self._lock = Lock()  # guards _thread
        self._thread: Thread | None = None
        self._stopped = Event()
        if self._connection is not None:
            self._connections_of_parents.append(self._connection)
        self._connection = None
        self._is_joined = False
        self._proof = ""
        self._proof_sent_at = float("-inf")
        self._n_failures = 0
        self._is_said = False

    @property
    def is_joined(self) -> bool:
        """Whether a message to oneself arrived by this connection at the last try."""
        return self._is_joined

    def start(self) -> None:
        """Makes sure that the thread runs."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None and not self._stopped.is_set():
                self._thread = Thread(target=self._run, name="sched-cache-listener", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Ends the thread and its connection."""
        self._stopped.set()
        thread = self._thread
        if thread is not None:
            thread.join(2 * _POLL_SECONDS)

    def _run(self) -> None:
        stopped = self._stopped
        while not stopped.is_set():
            try:
                self._listen(stopped)
            except Exception as error:
                self._leave()  # at once: while it pauses, the scheduler looks by itself
                self._say(f"{type(error).__name__}: {error}")
                pause = min(_MIN_PAUSE_SECONDS * 2.0 ** min(self._n_failures, 10), _MAX_PAUSE_SECONDS)
                self._n_failures += 1
                stopped.wait(pause * random.uniform(0.5, 1.0))
            finally:
                self._leave()

    def _listen(self, stopped: Event) -> None:
        with fork.held_off():
            self._connection = connection = self._open()
            connection.autocommit = True
            connection.cursor().execute(f'LISTEN "{self._channel}"')
        self._proof = ""
        self._proof_sent_at = float("-inf")
        while not stopped.is_set():
            self._prove()
            for payload in _notifications(connection, _POLL_SECONDS):
                self._hear(payload)

    def _prove(self) -> None:
        now = self._monotonic()
        if self._proof and now - self._proof_sent_at > _PROOF_LIMIT_SECONDS:
            self._proof = ""
            self._is_joined = False
            self._say(
                "a message to itself did not arrive; behind a pooler that pools transactions, LISTEN does not work"
            )
        if now - self._proof_sent_at > _PROOF_SECONDS:
            self._proof = token_hex(8)
            self._proof_sent_at = now
            self._send(self._channel, self._proof)

    def _hear(self, payload: str) -> None:
        if self._proof and payload == self._proof:
            self._proof = ""
            self._is_joined = True
            self._n_failures = 0
            self._is_said = False
        elif payload != self._sender():
            self._on_heard()

    def _say(self, reason: str) -> None:
        if not self._is_said:
            self._is_said = True
            logger.info(
                "no hints by LISTEN: this scheduler looks by itself for ended task instances (%s); said once, until "
                "they arrive",
                reason,
            )

    def _leave(self) -> None:
        self._is_joined = False
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it may be broken
                connection.close()


def _notifications(connection: Any, seconds: float) -> list[str]:
    """The payloads that arrive within `seconds`, as soon as there are any. For psycopg2 and psycopg."""
    if hasattr(connection, "poll"):
        if not connection.notifies:
            select.select([connection], [], [], seconds)
        connection.poll()
        found = [str(one.payload) for one in connection.notifies]
        del connection.notifies[:]
        return found
    return [str(one.payload) for one in connection.notifies(timeout=seconds, stop_after=1)]
