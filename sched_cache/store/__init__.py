"""The shared tiers, which store contents, pointers and flags."""

from sched_cache.store.contract import (
    MAX_KEY_LENGTH,
    ChangeSet,
    Connection,
    Content,
    Pointer,
    Publication,
    PublicationResult,
    Seq,
    Store,
    Stored,
    Version,
    check_key,
)

__all__ = [
    "MAX_KEY_LENGTH",
    "ChangeSet",
    "Connection",
    "Content",
    "Pointer",
    "Publication",
    "PublicationResult",
    "Seq",
    "Store",
    "Stored",
    "Version",
    "check_key",
]
