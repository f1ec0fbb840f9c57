"""L2: contents that all nodes share, and announcements of publications. It may be down at any time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import Protocol

from sched_cache.store.contract import Pointer


class Answer(Enum):
    """The answer of L2 in place of a content."""

    MISS = "miss"
    """L2 is available and does not have the content."""
    UNAVAILABLE = "unavailable"
    """There was no answer. This allows no conclusion; in particular, the content may be present."""


class Subscription(Protocol):
    """The receiving end of the notification channel."""

    @property
    def is_joined(self) -> bool:
        """Whether notifications arrive at present, as far as is known."""
        ...

    def start(self) -> None:
        """Makes sure that a thread listens. Cheap if one does, so call it after every fork."""
        ...

    def close(self) -> None:
        """Stops listening."""
        ...


class L2(Protocol):
    """Thread-safe, and usable after a fork. No method raises an error because Redis is in trouble.

    A part, hot or cold, is named by its digest in hexadecimal: for the hot part this is the content hash. Under that
    name a hot part may be followed by its cold part, for readers that need both in one round trip. Results were
    verified against their names.
    """

    def get(self, digest: str) -> bytes | Answer:
        """The part, or the reason why there is none. One round trip."""
        ...

    def get_many(self, digests: Collection[str]) -> dict[str, bytes | Answer]:
        """An answer for each digest. One round trip per 128."""
        ...

    def put_many(self, parts: Mapping[str, bytes]) -> bool:
        """Whether all parts are stored now; present ones stay as they are. One round trip per 128."""
        ...

    def fetch(self, digest: str, load: Callable[[], bytes | None]) -> bytes | None:
        """The part from L2, else the result of `load`, which is then put into L2.

        While one node loads, the others wait for its result, for a limited time. Raises the errors of `load`.
        """
        ...

    def fetch_many(
        self, digests: Collection[str], load: Callable[[list[str]], Mapping[str, bytes]]
    ) -> dict[str, bytes]:
        """`fetch` for many; parts that neither L2 nor `load` has are left out."""
        ...

    def notify(self, pointer: Pointer, incarnation: str) -> bool:
        """Announces a publication to all nodes of the history `incarnation`; whether Redis accepted the message.

        Call it after the commit; otherwise nodes ask too early and learn of it only by their next certification.
        """
        ...

    def subscribe(
        self,
        on_heard: Callable[[], None],
        on_joined: Callable[[], None],
        incarnation: Callable[[], str | None],
    ) -> Subscription:
        """Calls `on_heard` once for all messages that arrived meanwhile, in a thread of its own after `start`.

        `on_heard` does not get the content of the messages, because any client may have written them. For any number
        of messages, it is called at most `MAX_QUESTIONS_PER_SECOND` times per second, one call at a time.

        Args:
            on_joined: called each time that listening begins; earlier publications have to be learnt elsewhere.
            incarnation: returns the history whose messages are heard, None if unknown; called again and again.
        """
        ...

    def hint(self, sender: bytes, incarnation: str) -> bool:
        """Tells all nodes of the history `incarnation` that there is something to do; whether Redis accepted it.

        Call it after the commit. A hint may be lost, repeated or forged, and says nothing else.

        Args:
            sender: names the process, which does not hear its own hints.
        """
        ...

    def subscribe_to_hints(
        self,
        sender: bytes,
        on_heard: Callable[[], None],
        on_joined: Callable[[], None],
        incarnation: Callable[[], str | None],
    ) -> Subscription:
        """As `subscribe`, for the hints of all other processes than `sender`."""
        ...

    def close(self) -> None:
        """Ends every subscription and connection."""
        ...


class NoRedis:
    """The L2 of a configuration without Redis: always unavailable, at no cost."""

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

    def hint(self, sender: bytes, incarnation: str) -> bool:
        return False

    def subscribe_to_hints(
        self,
        sender: bytes,
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
