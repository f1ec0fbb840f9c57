"""The effect of a publication on the present row."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from enum import Enum, auto

from sched_cache.errors import PublishConflictError
from sched_cache.store.contract import Pointer, Publication, PublicationResult, Seq, Version


class Verdict(Enum):
    """The part of the row that a publication changes."""

    UNCHANGED = auto()
    """Nothing: the same content, without a signal."""
    SIGNAL = auto()
    """`parsed_seq` only."""
    CHANGE = auto()
    """`parsed_seq`, `version`, hash and content."""


def absent(key: str) -> Pointer:
    """The pointer of a key that was never published: sequence 0, and the hash of a tombstone."""
    return Pointer(key, Version(0), Seq(0), None)


def verdict_on(publication: Publication, current: Pointer) -> Verdict:
    """The verdict for a row that cannot change meanwhile.

    Raises:
        PublishConflictError: another process published after the token was read, so its file may be newer.
    """
    if publication.token is not None and publication.token != current.parsed_seq:
        raise PublishConflictError(publication.key, publication.token, current.parsed_seq)
    if publication.content_hash != current.content_hash:
        return Verdict.CHANGE
    if publication.signal and current.parsed_seq:
        return Verdict.SIGNAL
    return Verdict.UNCHANGED


def pointer_after(publication: Publication, current: Pointer, verdict: Verdict, seq: Seq) -> Pointer:
    """The pointer that replaces `current` when the counter gave `seq`."""
    version = Version(seq) if verdict is Verdict.CHANGE else current.version
    return Pointer(publication.key, version, seq, publication.content_hash)


def published(pointer: Pointer, verdict: Verdict, incarnation: str = "") -> PublicationResult:
    """The answer to the publisher whose publication left `pointer` in the history `incarnation`."""
    is_changed = verdict is Verdict.CHANGE
    return PublicationResult(
        pointer.version, pointer.parsed_seq, pointer.content_hash, is_changed, incarnation
    )


def in_lock_order(publications: Sequence[Publication]) -> list[Publication]:
    """By key, so that two publishers of several keys never wait for each other in a circle."""
    ordered = sorted(publications, key=lambda publication: publication.key)
    for one, next_one in itertools.pairwise(ordered):
        if one.key == next_one.key:
            raise ValueError(f"{one.key!r} is published twice at once")
    return ordered
