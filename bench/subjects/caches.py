"""Cache libraries: the cost of a hit, and their answers in the two races. None of them reads a DAG."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..case import Case
from ..lookup import candidates
from ..lookup.litmus import OpenCandidate, litmus
from ..subject import CodecSubject, Operation, Work

_KEYS = [f"dag_{number}" for number in range(500)]
_KEY = _KEYS[250]


def _dict() -> Operation:
    held: dict[str, object] = {key: object() for key in _KEYS}
    return lambda: held.get(_KEY)


def _cachetools() -> Operation:
    from threading import RLock

    from cachetools import LRUCache

    held: Any = LRUCache(512)
    held.update({key: object() for key in _KEYS})
    lock = RLock()

    def get() -> object:
        with lock:
            return held.get(_KEY)

    return get


def _cachebox() -> Operation:
    import cachebox

    held: Any = cachebox.LRUCache(512)
    held.update({key: object() for key in _KEYS})
    return lambda: held.get(_KEY)


def _dogpile() -> Operation:
    from dogpile.cache import make_region

    region: Any = make_region().configure("dogpile.cache.memory")
    for key in _KEYS:
        region.set(key, key)
    return lambda: region.get_or_create(_KEY, object)


def _rival(
    name: str, title: str, needs: str, open_hit: Callable[[], Operation] | None, race: OpenCandidate | None
) -> CodecSubject:
    def work(case: Case) -> Work:
        timed = {"hit": open_hit()} if open_hit else {}
        return Work(timed=timed, figures=litmus(race) if race else {})

    return CodecSubject(
        name,
        title,
        frozenset({"lookup"}),
        (needs,) if needs else (),
        work,
        is_quick=False,
        about="a cache library: what a hit costs, and what it answers in two races; it reads no DAG"
        if needs
        else "a look-up in a dictionary",
    )


SUBJECTS = (
    _rival("dict", "dict.get (a bound)", "", _dict, None),
    _rival("cachetools", "cachetools LRU and a lock", "cachetools", _cachetools, candidates.cachetools_lock),
    _rival(
        "cachetools_condition", "cachetools, condition=", "cachetools", None, candidates.cachetools_condition
    ),
    _rival("cachebox", "cachebox LRU", "cachebox", _cachebox, candidates.cachebox_cached),
    _rival("dogpile", "dogpile.cache, delete", "dogpile.cache", _dogpile, candidates.dogpile_delete),
    _rival(
        "dogpile_invalidate",
        "dogpile.cache, invalidate",
        "dogpile.cache",
        None,
        candidates.dogpile_invalidate,
    ),
    _rival("cashews", "cashews", "cashews", None, candidates.cashews_cache),
    _rival("cashews_lock", "cashews, lock=True", "cashews", None, candidates.cashews_lock),
)
