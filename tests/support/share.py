"""A share of many cases, chosen by a seed, where a test run has no time for all of them."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")
IS_WHOLE = bool(os.environ.get("SCHED_CACHE_UNDECODABLE"))
"""Set by `make undecodable`; without it a share is tried."""
_SEED = int(os.environ.get("SCHED_CACHE_SEED") or 11)


def share(every: Iterable[T], n_chosen: int, *, is_whole: bool = IS_WHOLE) -> list[T]:
    """`n_chosen` of them by a seed (SCHED_CACHE_SEED), all of them for `make undecodable`."""
    found = list(every)
    if is_whole or len(found) <= n_chosen:
        return found
    print(f"{n_chosen} of {len(found)} cases, seed {_SEED}")
    return random.Random(_SEED).sample(found, n_chosen)
