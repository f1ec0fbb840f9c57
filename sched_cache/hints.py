"""Hints between the processes of a cluster: there may be something to do. A hint carries no data.

A hint may be lost, repeated, late or forged, so a process that gets one looks, and a process that gets none looks all
the same, a little later. A process does not hear its own hints.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from secrets import token_hex

from sched_cache.store.l2 import L2, Subscription


class Hints:
    """The hints over the L2 of one cache. Thread-safe, and usable after a fork.

    Args:
        certify: makes sure that `incarnation` is known. Raises StoreUnavailableError if the database does not answer.
    """

    def __init__(self, l2: L2, certify: Callable[[], object], incarnation: Callable[[], str | None]) -> None:
        self._l2 = l2
        self._certify = certify
        self._incarnation = incarnation
        self._token = token_hex(8)

    def send(self) -> bool:
        """Tells all other processes; whether Redis accepted the message. One round trip.

        Raises:
            StoreUnavailableError: this process has not certified yet, and the database did not answer.
        """
        self._certify()
        incarnation = self._incarnation()
        return incarnation is not None and self._l2.hint(self._sender(), incarnation)

    def subscribe(self, on_heard: Callable[[], None], on_joined: Callable[[], None]) -> Subscription:
        """See `L2.subscribe_to_hints`. The subscription is not started yet."""
        return self._l2.subscribe_to_hints(self._sender(), on_heard, on_joined, self._incarnation)

    def _sender(self) -> bytes:
        return f"{self._token}:{os.getpid()}".encode()  # a child is another sender than its parent
