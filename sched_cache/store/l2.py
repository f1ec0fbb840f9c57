"""L2: contents that all nodes share, and word of what was published. It may always be down."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import Protocol

from sched_cache.store.contract import Pointer


class Answer(Enum):
    """What L2 says instead of a content."""

    MISS = "miss"
    """It is there and does not have the content."""
    UNAVAILABLE = "unavailable"
    """It did not say. Nothing may be concluded from that, least of all that the content is absent."""


class Subscription(Protocol):
    """The receiving end of the notification channel."""

    @property
    def is_joined(self) -> bool:
        """Whether notifications arrive at this time, as far as is known."""
        ...

    def start(self) -> None:
        """Makes sure that a thread listens. Cheap when one does, so ask after every fork."""
        ...

    def close(self) -> None:
        """Stops listening."""
        ...


class L2(Protocol):
    """Safe for threads and after a fork. No method raises because Redis is in trouble.

    A part, hot or cold, is named by its digest in hexadecimal: for the hot part that is the content hash.
    Under that name a hot part may have its cold part behind it, for readers that need both in one round trip.
    What comes back was checked against its name.
    """

    def get(self, digest: str) -> bytes | Answer:
        """The part, or why there is none. One round trip."""
        ...

    def get_many(self, digests: Collection[str]) -> dict[str, bytes | Answer]:
        """An answer for each digest. One round trip per 128."""
        ...

    def put_many(self, parts: Mapping[str, bytes]) -> bool:
        """Whether all parts are there now; those that were stay as they are. One round trip per 128."""
        ...

    def fetch(self, digest: str, load: Callable[[], bytes | None]) -> bytes | None:
        """The part: from here, or else what `load` returns, which is then put here.

        While one node loads, the others wait for its result, for a bounded time. Raises what `load` raises.
        """
        ...

    def fetch_many(
        self, digests: Collection[str], load: Callable[[list[str]], Mapping[str, bytes]]
    ) -> dict[str, bytes]:
        """`fetch` for many; what neither this nor `load` has is left out."""
        ...

    def notify(self, pointer: Pointer, incarnation: str) -> bool:
        """Tells all nodes of the history `incarnation` that there is something new; whether Redis took it.

        After the commit, or they ask too early and learn of it only by their next certification.
        """
        ...

    def subscribe(
        self,
        on_heard: Callable[[], None],
        on_joined: Callable[[], None],
        incarnation: Callable[[], str | None],
    ) -> Subscription:
        """Calls `on_heard` once for all that was heard meanwhile, in a thread of its own after `start`.

        What it is not called with is what the messages say: anybody may have written them. However many there
        are, it is called at most `MAX_QUESTIONS_PER_SECOND` times a second, one call at a time.

        Args:
            on_joined: called each time that listening begins: what was published before has to be learnt
                elsewhere.
            incarnation: the history whose messages are heard, asked again and again; None if none is known.
        """
        ...

    def close(self) -> None:
        """Ends every subscription and connection."""
        ...


class NoRedis:
    """The L2 of those who have none: always unavailable, at no cost."""

    def get(self, digest: str) -> bytes | Answer:
        return Answer.UNAVAILABLE

    def get_many(self, digests: Collection[str]) -> dict[str, bytes | Answer]:
        return dict.fromkeys(digests, Answer.UNAVAILABLE)

    def put_many(self, parts: Mapping[str, bytes]) -> bool:
        return False

    def fetch(self, digest: str, load: Callable[[], bytes | None]) -> bytes | None:
        return load()

    def fetch_many(
        self, digests: Collection[str], load: Callable[[list[str]], Mapping[str, bytes]]
    ) -> dict[str, bytes]:
        return dict(load(list(digests))) if digests else {}

    def notify(self, pointer: Pointer, incarnation: str) -> bool:
        return False

    def subscribe(
        self,
        on_heard: Callable[[], None],
        on_joined: Callable[[], None],
        incarnation: Callable[[], str | None],
    ) -> Subscription:
        return _NoSubscription()

    def close(self) -> None:
        pass


class _NoSubscription:
    is_joined = False

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass
