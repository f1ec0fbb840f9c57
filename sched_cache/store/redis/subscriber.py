"""The thread that listens to a channel: notifications, which trigger questions to the database, or hints."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from logging import INFO, WARNING, getLogger
from threading import Event, Lock, Thread
from typing import Any

from redis.exceptions import ResponseError

from sched_cache import fork
from sched_cache.clock import Clock
from sched_cache.errors import RedisUnavailableError
from sched_cache.stats import RedisCounters
from sched_cache.store.redis.deadline import start_call
from sched_cache.store.redis.link import FAILURES, Link, reason_of
from sched_cache.store.redis.pace import Pace
from sched_cache.store.redis.refusal import refusal_of
from sched_cache.store.trouble import Trouble

logger = getLogger("sched_cache.redis")

_LISTEN_SECONDS = 0.25
"""The duration of one poll of the channel, and therefore the longest wait of `close`."""
_CLOSE_SECONDS = 0.5
_MAX_BYTES = 1 << 20
"""The limit of bytes in one poll; a notification has about a hundred."""
_MIN_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.1, 5.0
_MAX_PER_QUESTION = 100
"""Messages read before one question. More messages are a flood, which costs more to read than it is worth."""
_FLOOD_SECONDS = 2.0
"""How long a flooded channel is left alone, with a question at intervals in place of its messages."""
_FLOOD_QUESTION_SECONDS = 0.25


class Subscriber:
    """Joins the channel on a connection of its own, and joins it again whenever that connection is lost.

    Notifications are best effort: a lost one only delays a change until the next certification. Any client may write
    to the channel, so a message only means that it is time to ask. No message is stored, one call answers all that
    have arrived, and a channel that carries more messages than a process can read cheaply is left for a while, so that
    Redis need not send, nor this process read, useless messages.

    Args:
        channel: returns the channel to listen to now; None if it is not known yet.
        counts: called with each message; whether it counts. Messages that do not count are not answered.
        on_heard: called for any number of messages, see `Pace`. on_joined: called after each join.
    """

    def __init__(
        self,
        link: Link,
        channel: Callable[[], str | None],
        counts: Callable[[Any], bool],
        on_heard: Callable[[], None],
        on_joined: Callable[[], None],
        clock: Clock,
        counters: RedisCounters,
        timeout_seconds: float,
        ping_seconds: float,
        source: random.Random,
    ) -> None:
        self._link = link
        self._channel = channel
        self._counts = counts
        self._on_heard = on_heard
        self._on_joined = on_joined
        self._clock = clock
        self._counters = counters
        self._timeout_seconds = timeout_seconds
        self._ping_seconds = ping_seconds
        self._random = source
        self._trouble = Trouble(clock, logger, "the notification channel is back")
        self._flood = Trouble(clock, logger, "the notification channel is no longer flooded")
        # Kept in a child: when redis-py frees a client, it takes locks that may be held for ever.
        self._pubsubs_of_parents: list[Any] = []
        self._pubsub: Any = None
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Drops the connection of the parent. The thread does not exist here until `start` is called."""
        self._lock = Lock()
        self._thread: Thread | None = None  # guarded by _lock for writing
        self._stopped = Event()
        if self._pubsub is not None:
            self._pubsubs_of_parents.append(self._pubsub)
        # Used only by the thread that calls `step`.
        self._pubsub = None
        self._joining: str | None = None  # the channel that was asked for
        self._pace = Pace()
        self._is_joined = False
        self._n_failures = 0
        self._heard_at = 0.0
        self._joined_at = 0.0
        self._is_pinged = False
        self._has_failed_callback = False

    @property
    def is_joined(self) -> bool:
        """Whether notifications arrive at present, as far as is known."""
        return self._is_joined

    def start(self) -> None:
        """Makes sure that a thread listens. Reads one attribute if one does."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None and not self._stopped.is_set():
                thread = Thread(target=self._listen, name="sched-cache-subscriber", daemon=True)
                # No thread, because the process ends or may have no more threads: tried again at the next call.
                with suppress(RuntimeError):
                    thread.start()
                    self._thread = thread

    def close(self) -> None:
        """Ends the thread and its connection. Must not be called from a callback.

        A thread that is in the middle of a callback, or waits for a time-out, ends later without being waited for.
        """
        self._stopped.set()
        thread = self._thread
        if thread is not None:
            thread.join(_CLOSE_SECONDS)
            if thread.is_alive():
                return
        self._leave()

    def step(self) -> None:
        """Joins the channel if necessary, else waits for messages and handles them."""
        self._link.look_after()
        try:
            channel = self._channel()
            if channel is None:
                self._stopped.wait(_LISTEN_SECONDS)
            elif self._pubsub is not None and channel != self._joining:
                self._leave()  # the database was restored, and all processes continue under another name
            elif self._pubsub is None:
                start_call(self._timeout_seconds, _MAX_BYTES)
                self._join(channel)
            else:
                look_seconds = min(_LISTEN_SECONDS, self._ping_seconds)
                # For a message that begins to arrive at the end of the poll.
                start_call(look_seconds + self._timeout_seconds, _MAX_BYTES)
                self._hear(self._pubsub.get_message(timeout=look_seconds))
        except (*FAILURES, RedisUnavailableError) as error:
            self._trouble.seen()
            if self._is_joined or isinstance(error, ResponseError):
                self._trouble.begin(
                    f"lost the notification channel ({reason_of(error)}); publications are noticed by certifying "
                    f"until it is back. What to do: {refusal_of(error).advice}",
                    WARNING if isinstance(error, ResponseError) else INFO,
                )
            self._leave()
            self._pause()

    def _listen(self) -> None:
        stopped = self._stopped
        while not stopped.is_set():
            self.step()
        self._leave()

    def _join(self, channel: str) -> None:
        self._pubsub = self._link.connect().pubsub()
        self._joining = channel
        self._heard_at = self._clock.monotonic()
        self._pubsub.subscribe(channel)

    def _leave(self) -> None:
        pubsub, self._pubsub = self._pubsub, None
        self._is_joined = self._is_pinged = False
        if pubsub is not None:
            with suppress(*FAILURES):  # it is being closed anyway
                pubsub.close()

    def _pause(self) -> None:
        """Waits before the next attempt: longer after more failures, and not at the same time as other nodes."""
        seconds = min(_MIN_PAUSE_SECONDS * 2.0 ** min(self._n_failures, 10), _MAX_PAUSE_SECONDS)
        self._n_failures += 1
        self._stopped.wait(seconds * self._random.uniform(0.5, 1.0))

    def _hear(self, message: Any) -> None:
        now = self._clock.monotonic()
        if self._is_joined and now - self._joined_at > _MAX_PAUSE_SECONDS:
            self._n_failures = 0
        if self._is_joined and self._trouble.is_known:
            self._trouble.calm()
        if self._flood.is_known:
            self._flood.calm()
        if message is None:
            silent_seconds = now - self._heard_at
            if silent_seconds > 2 * self._ping_seconds:
                # The network has dropped the connection without notice to either end.
                raise RedisUnavailableError("the notification channel does not answer")
            if silent_seconds > self._ping_seconds and not self._is_pinged:
                self._is_pinged = True
                start_call(self._timeout_seconds)
                self._pubsub.ping()
            return
        self._heard_at = now
        self._is_pinged = False
        if message["type"] == "subscribe":
            # Also after redis-py has joined again itself, because messages may have been lost before.
            self._is_joined = True
            self._joined_at = now
            self._counters.subscriptions += 1
            self._call(self._on_joined)
        elif message["type"] == "message" and self._counts(message["data"]):
            self._deliver()

    def _deliver(self) -> None:
        """Asks once for the message that was read and for those that have arrived by now.

        A message that is read here was sent before the question, and after the commit that it announces. A message
        that arrives between the last read and the question is read later, and leads to another question.
        """
        self._stopped.wait(self._pace.wait_seconds(self._clock.monotonic()))
        n_read = 1
        start_call(self._timeout_seconds, _MAX_BYTES)
        while n_read < _MAX_PER_QUESTION and (message := self._pubsub.get_message(timeout=0.0)) is not None:
            n_read += 1
            if message["type"] == "message":
                self._counts(message["data"])
        self._ask()
        if n_read >= _MAX_PER_QUESTION:
            self._sit_out()

    def _sit_out(self) -> None:
        """Waits for a flood to end: leaves the channel, and asks at intervals."""
        self._counters.floods += 1
        self._flood.begin(
            f"channel {self._joining} carries more messages than publications explain; meanwhile this process asks "
            f"the database every {_FLOOD_QUESTION_SECONDS} s. What to do: find the client of Redis that publishes there"
        )
        self._leave()
        for _ in range(int(_FLOOD_SECONDS / _FLOOD_QUESTION_SECONDS)):
            if self._stopped.wait(_FLOOD_QUESTION_SECONDS):
                return
            self._ask()
        self._flood.seen()

    def _ask(self) -> None:
        self._pace.spend(self._clock.monotonic())
        self._call(self._on_heard)

    def _call(self, callback: Callable[[], None]) -> None:
        try:
            callback()
            self._has_failed_callback = False
        except Exception:
            # An error of the callback, not of Redis. This thread is the only one that listens, so it continues.
            if not self._has_failed_callback:
                self._has_failed_callback = True  # logged once, until a callback works again
                logger.exception("a callback of the notification channel failed")
