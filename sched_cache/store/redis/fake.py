"""A Redis inside this process: `fake://`. It has the same code path as a server, for embedding and for tests."""

from __future__ import annotations

from threading import Lock
from typing import Any, cast

from fakeredis import FakeRedis, FakeServer

from sched_cache import fork
from sched_cache.store.redis.commands import Client

_PUTS_PER_SWEEP = 256


class _Servers:
    """Servers by name, so that all clients of a name in this process share its content."""

    def __init__(self) -> None:
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Starts empty, because a lock in the servers of the parent may have been held."""
        self._lock = Lock()
        self._by_name: dict[str, FakeServer] = {}

    def get(self, name: str) -> FakeServer:
        with self._lock:
            return self._by_name.setdefault(name, FakeServer(version=(7,)))


_servers = _Servers()


class _SweptRedis(FakeRedis):
    """Removes expired keys without a read of them; fakeredis does so only when it counts the keys."""

    _n_pipelines = 0

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Any:
        # All writes pass through here.
        self._n_pipelines += 1
        if self._n_pipelines % _PUTS_PER_SWEEP == 0:
            self.dbsize()
        return super().pipeline(transaction, shard_hint)


def open_fake_client(name: str) -> Client:
    """A client of the server called `name`, which is created for its first client."""
    return cast(Client, _SweptRedis(server=_servers.get(name)))
