"""Redis inside this process: `fake://`. The same code path as with a server, for embedding and for tests."""

from __future__ import annotations

from threading import Lock
from typing import Any, cast

from fakeredis import FakeRedis, FakeServer

from sched_cache import fork
from sched_cache.store.redis.commands import Client

_PUTS_PER_SWEEP = 256


class _Servers:
    """Name to server, so that all who use a name in this process share what is in it."""

    def __init__(self) -> None:
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Starts empty: a lock in the parent's servers may have been held."""
        self._lock = Lock()
        self._by_name: dict[str, FakeServer] = {}

    def get(self, name: str) -> FakeServer:
        with self._lock:
            return self._by_name.setdefault(name, FakeServer(version=(7,)))


_servers = _Servers()


class _SweptRedis(FakeRedis):
    """Forgets what expired even if nobody asks for it; fakeredis does so only when it counts the keys."""

    _n_pipelines = 0

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Any:
        # All writes come through here.
        self._n_pipelines += 1
        if self._n_pipelines % _PUTS_PER_SWEEP == 0:
            self.dbsize()
        return super().pipeline(transaction, shard_hint)


def open_fake_client(name: str) -> Client:
    """A client of the server called `name`, which comes into being with its first client."""
    return cast(Client, _SweptRedis(server=_servers.get(name)))
