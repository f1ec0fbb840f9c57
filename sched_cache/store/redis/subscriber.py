"""The thread that hears that something was published, and has the database asked."""

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
from sched_cache.errors import FormatError, RedisUnavailableError
from sched_cache.stats import RedisCounters
from sched_cache.store.redis.deadline import start_call
from sched_cache.store.redis.link import FAILURES, Link, reason_of
from sched_cache.store.redis.notification import decode_notification
from sched_cache.store.redis.pace import Pace
from sched_cache.store.redis.refusal import refusal_of
from sched_cache.store.trouble import Trouble

logger = getLogger("sched_cache.redis")

_LISTEN_SECONDS = 0.25
"""How long one look at the channel lasts, and so how long `close` may have to wait."""
_CLOSE_SECONDS = 0.5
_MAX_BYTES = 1 << 20
"""Of what may arrive in one look; a notification has some hundred."""
_MIN_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.1, 5.0
_MAX_PER_QUESTION = 100
"""Messages read before one question. More are a flood: reading them would cost more than it tells."""
_FLOOD_SECONDS = 2.0
"""How long a channel with a flood is left alone, with a question every so often in place of its messages."""
_FLOOD_QUESTION_SECONDS = 0.25


class Subscriber:
    """Joins the channel on a connection of its own, and again whenever that connection is lost.

    All of it is best effort: a notification that is lost costs time until the next certification, no more.
    Anybody may write to the channel, so a message says one thing only, that it is time to ask. No message is
    kept, all that are there are answered by one call, and a channel that carries more than a process can read
    at little cost is left for a while: Redis then need not send, nor this process read, what tells nothing.

    Args:
        channel: what to listen to now; None if that is not known yet.
        on_heard: called for any number of messages, see `Pace`. on_joined: called each time it has joined.
    """

    def __init__(
        self,
        link: Link,
        channel: Callable[[], str | None],
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
        self._on_heard = on_heard
        self._on_joined = on_joined
        self._clock = clock
        self._counters = counters
        self._timeout_seconds = timeout_seconds
        self._ping_seconds = ping_seconds
        self._random = source
        self._trouble = Trouble(clock, logger, "the notification channel is back")
        self._flood = Trouble(clock, logger, "the notification channel is no longer flooded")
        # In a child; kept, since redis-py takes locks that may be held for ever when it lets go of them.
        self._pubsubs_of_parents: list[Any] = []
        self._pubsub: Any = None
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Lets go of the parent's connection. The thread does not exist here until `start` is called."""
        self._lock = Lock()
        self._thread: Thread | None = None  # guarded by _lock for writing
        self._stopped = Event()
        if self._pubsub is not None:
            self._pubsubs_of_parents.append(self._pubsub)
        # Only the thread that calls `step` uses these.
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
        """Whether notifications arrive at this time, as far as is known."""
        return self._is_joined

    def start(self) -> None:
        """Makes sure that a thread listens. One attribute when one does."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None and not self._stopped.is_set():
                thread = Thread(target=self._listen, name="sched-cache-subscriber", daemon=True)
                # No thread, since the process ends or may have no more: asked again at the next occasion.
                with suppress(RuntimeError):
                    thread.start()
                    self._thread = thread

    def close(self) -> None:
        """Ends the thread and its connection. Not to be called from a callback.

        A thread that is in the middle of a callback, or waits for its time-out, ends by itself and later.
        """
        self._stopped.set()
        thread = self._thread
        if thread is not None:
            thread.join(_CLOSE_SECONDS)
            if thread.is_alive():
                return
        self._leave()

    def step(self) -> None:
        """Joins the channel if need be, else waits for messages and deals with them."""
        self._link.look_after()
        try:
            channel = self._channel()
            if channel is None:
                self._stopped.wait(_LISTEN_SECONDS)
            elif self._pubsub is not None and channel != self._joining:
                self._leave()  # the database was restored, and all go on under another name
            elif self._pubsub is None:
                start_call(self._timeout_seconds, _MAX_BYTES)
                self._join(channel)
            else:
                look_seconds = min(_LISTEN_SECONDS, self._ping_seconds)
                # For a message that begins to arrive at the end of the look.
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
            with suppress(*FAILURES):  # it is being given up anyway
                pubsub.close()

    def _pause(self) -> None:
        """The longer the more often it failed, and not in step with other nodes."""
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
                # A connection that the network has forgotten: neither end is told.
                raise RedisUnavailableError("the notification channel does not answer")
            if silent_seconds > self._ping_seconds and not self._is_pinged:
                self._is_pinged = True
                start_call(self._timeout_seconds)
                self._pubsub.ping()
            return
        self._heard_at = now
        self._is_pinged = False
        if message["type"] == "subscribe":
            # Also after redis-py has joined again by itself: then messages may have been lost before.
            self._is_joined = True
            self._joined_at = now
            self._counters.subscriptions += 1
            self._call(self._on_joined)
        elif message["type"] == "message":
            self._count(message["data"])
            self._deliver()

    def _deliver(self) -> None:
        """Asks once for the message that has been read and for those that are there by now.

        A message that comes after the last one was read here, and before the question, is read later and asked
        for again; one that is read here was sent before the question, after the commit that it tells of.
        """
        self._stopped.wait(self._pace.wait_seconds(self._clock.monotonic()))
        n_read = 1
        start_call(self._timeout_seconds, _MAX_BYTES)
        while n_read < _MAX_PER_QUESTION and (message := self._pubsub.get_message(timeout=0.0)) is not None:
            n_read += 1
            if message["type"] == "message":
                self._count(message["data"])
        self._ask()
        if n_read >= _MAX_PER_QUESTION:
            self._sit_out()

    def _sit_out(self) -> None:
        """Lets a flood pass: off the channel, and with a question now and then."""
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

    def _count(self, data: Any) -> None:
        try:
            decode_notification(data)
        except FormatError:
            self._counters.notices_rejected += 1
        else:
            self._counters.notices_received += 1

    def _call(self, callback: Callable[[], None]) -> None:
        try:
            callback()
            self._has_failed_callback = False
        except Exception:
            # Of the callback, not of Redis. This thread is the only one that listens, so it goes on.
            if not self._has_failed_callback:
                self._has_failed_callback = True  # said once, until one works again
                logger.exception("a callback of the notification channel failed")
