"""The caches in the litmus test, each used as its documentation says."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Any

from .litmus import NEW, Candidate, Source

KEY = "dag"


def sched_cache_candidate(source: Source) -> Candidate:
    """The product with a store that reads contents slowly, and without Redis, which would avoid the load."""
    from sched_cache import Config, DagCache
    from sched_cache.store.l2 import NoRedis
    from sched_cache.testing.memory_store import MemoryStore

    from ..serialized import generate_document

    class SlowStore(MemoryStore):
        def read_hot(self, *arguments: Any) -> Any:
            read = super().read_hot(*arguments)
            source.pause()
            return read

    document: Any = generate_document("chain", 1, dag_id=KEY)
    task = document["dag"]["tasks"][0]["__var"]

    def publish() -> None:
        task["retries"] = source.value
        cache.publish(KEY, document)

    def get() -> int:
        dag = cache.get(KEY)
        assert dag is not None
        return int(dag.task(dag.task_ids[0]).retries)

    cache = DagCache(Config(redis_url=None), SlowStore(), NoRedis())
    publish()
    return Candidate(get, lambda: _write(source, publish), cache.close)


def cachetools_lock(source: Source) -> Candidate:
    """`cached` with a lock."""
    from cachetools import LRUCache, cached

    get = cached(LRUCache(512), key=lambda: KEY, lock=threading.RLock())(source.load)
    return Candidate(get, lambda: _write(source, lambda: _drop(get, KEY)))


def cachetools_condition(source: Source) -> Candidate:
    """`cached` with a condition: one load for all concurrent callers."""
    from cachetools import LRUCache, cached

    get = cached(LRUCache(512), key=lambda: KEY, condition=threading.Condition())(source.load)
    return Candidate(get, lambda: _write(source, lambda: _drop(get, KEY)))


def cachebox_cached(source: Source) -> Candidate:
    """`cached` with its own locking."""
    import cachebox

    cache: Any = cachebox.LRUCache(512)
    get = cachebox.cached(cache, key_maker=lambda *_: KEY)(source.load)
    return Candidate(get, lambda: _write(source, lambda: cache.pop(KEY, None)))


def dogpile_delete(source: Source) -> Candidate:
    """`get_or_create`, then `delete` of the key."""
    region = _region()
    return Candidate(
        lambda: int(region.get_or_create(KEY, source.load)),
        lambda: _write(source, lambda: region.delete(KEY)),
    )


def dogpile_invalidate(source: Source) -> Candidate:
    """`get_or_create`, then `invalidate` of the region."""
    region = _region()
    return Candidate(
        lambda: int(region.get_or_create(KEY, source.load)), lambda: _write(source, region.invalidate)
    )


def cashews_cache(source: Source) -> Candidate:
    """The decorator, then `delete` of the key."""
    return _cashews(source, lock=False)


def cashews_lock(source: Source) -> Candidate:
    """The decorator with `lock=True`."""
    return _cashews(source, lock=True)


def _cashews(source: Source, *, lock: bool) -> Candidate:
    from cashews import Cache

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    cache = Cache()
    cache.setup("mem://")

    @cache(ttl="1h", key=KEY, lock=lock)  # type: ignore[untyped-decorator]  # cashews
    async def load() -> int:
        return await loop.run_in_executor(None, source.load)

    def run(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    def close() -> None:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)

    return Candidate(lambda: int(run(load())), lambda: _write(source, lambda: run(cache.delete(KEY))), close)


def _region() -> Any:
    from dogpile.cache import make_region

    return make_region().configure("dogpile.cache.memory")


def _write(source: Source, invalidate: Any) -> None:
    source.value = NEW
    invalidate()


def _drop(decorated: Any, key: str) -> None:
    with suppress(KeyError):
        del decorated.cache[key]
