"""The wake-ups of one process: its transitions are told, and its scheduler is woken."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Final

from sched_cache import fork
from sched_cache.hints import Hints
from sched_cache.store.l2 import Subscription
from sched_cache_airflow.settings.settings import Settings
from sched_cache_airflow.wake.nap import Nap
from sched_cache_airflow.wake.postgresql import NotifyListener, channel_name, notify
from sched_cache_airflow.wake.teller import Teller
from sched_cache_airflow.wake.transitions import Transitions

REDIS: Final = "Redis"
NOTIFY: Final = "LISTEN/NOTIFY"
NONE: Final = "none"


class Wake:
    """Tells other processes of this one's transitions, and has hints wake its scheduler.

    Nothing is opened before the first transition, or before `listen`.

    Args:
        hints: the hints over Redis.
        is_postgresql: whether the host's database has LISTEN and NOTIFY.
    """

    def __init__(
        self,
        settings: Settings,
        hints: Hints,
        *,
        is_postgresql: bool,
        note: Callable[[str, Exception], object],
    ) -> None:
        self._hints = hints
        self._token = token_hex(8)
        self._channel = channel_name(settings.config.namespace)
        self.source = REDIS if settings.config.redis_url else NOTIFY if is_postgresql else NONE
        self._is_on = settings.wake_schedulers
        self.nap = Nap(self.hears, is_on=settings.wake_schedulers)
        self.teller = Teller(self._send)
        self.transitions = Transitions(self.teller.tell, lambda: self._is_scheduler, note)
        # Kept in a child: a connection that is freed there would end the session of the parent.
        self._of_parents: list[Subscription | None] = []
        self._subscription: Subscription | None = None
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """A child of a scheduler is none, and its counts are zero."""
        self._of_parents.append(self._subscription)
        self._subscription = None
        self._is_scheduler = False
        self.transitions.n_noticed = 0

    def start(self) -> None:
        """Notices transitions from now on, if there is a way to tell of them."""
        if self._is_on and self.source != NONE:
            self.transitions.start()

    def listen(self) -> None:
        """This process is that of a scheduler, which hints wake from now on."""
        self._is_scheduler = True
        if not self._is_on or self.source == NONE or self._subscription is not None:
            return
        if self.source == REDIS:
            self._subscription = self._hints.subscribe(self.nap.hint, self.nap.hint)
        else:
            self._subscription = NotifyListener(self._channel, self._sender, self.nap.hint)
        self._subscription.start()

    def tell(self) -> None:
        """There may be something to do. Returns at once."""
        if self._is_on and self.source != NONE:
            self.teller.tell()

    def hears(self) -> bool:
        """Whether hints arrive at present, as far as is known."""
        return self._subscription is not None and self._subscription.is_joined

    def counts(self) -> Mapping[str, int]:
        """Sleeps of the scheduler by what ended them, transitions noticed and messages sent."""
        return {
            **{f"wakes_{name}": n for name, n in self.nap.counts.items()},
            "transitions_noticed": self.transitions.n_noticed,
            "hints_sent": self.teller.n_sent,
        }

    def close(self) -> None:
        """Ends threads, connections and listeners."""
        self.transitions.stop()
        self.teller.close()
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    def _send(self) -> None:
        if self.source == REDIS:
            self._hints.send()
        else:
            notify(self._channel, self._sender())

    def _sender(self) -> str:
        return f"{self._token}:{os.getpid()}"
