"""The tiers of a scheduler, each behind a proxy that makes trouble on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from tests.support.proxy import Proxy
from tests.support.servers import LyingRedis, PostgresServer, RedisServer
from tests.support.servers.process import free_port

if TYPE_CHECKING:
    from typing_extensions import Self

OFF, WELL = "off", "well"

MODES: Mapping[str, Callable[[Proxy], None]] = {
    "slow 30 ms": lambda proxy: proxy.delay(0.03),
    "slow 200 ms": lambda proxy: proxy.delay(0.2),
    "trickling": lambda proxy: proxy.trickle(1, 0.04),
    "silent": lambda proxy: proxy.stop(),
    "resetting": lambda proxy: proxy.reset(),
    "refusing": lambda proxy: proxy.refuse(),
}
LYING = "lying"


@dataclass(frozen=True, slots=True)
class Trouble:
    """How Redis and our own database are: `off`, `well`, a key of `MODES`, for Redis also `lying`."""

    redis: str
    database: str

    def __str__(self) -> str:
        return f"Redis {self.redis}, database {self.database}"

    @property
    def without(self) -> Trouble:
        """The same with what is in trouble switched off: its loops are those to compare with."""
        is_well = self.database in (OFF, WELL)
        return Trouble(
            WELL if self.redis == WELL and is_well else OFF, self.database if is_well else "refusing"
        )


class Tiers:
    """A PostgreSQL for the host and for us, and a Redis. The host reaches its databases directly, always."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.server = PostgresServer()
        self._redis = RedisServer()

    def __enter__(self) -> Self:
        self._stack.enter_context(self.server)
        self._stack.enter_context(self._redis)
        self._liar = self._stack.enter_context(LyingRedis())
        self._redis_proxy = self._stack.enter_context(Proxy(self._redis.port))
        self._database_proxy = self._stack.enter_context(Proxy(self.server.port))
        self._is_refusing: list[Proxy] = []
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def redis_url(self) -> str:
        """The Redis itself, past the proxy."""
        return f"redis://127.0.0.1:{self._redis.port}/0"

    @property
    def server_url(self) -> str:
        return self.server.url("").rstrip("/")

    def make(self, trouble: Trouble) -> None:
        """Has the tiers behave so from now on, connections that are open included."""
        for proxy in self._is_refusing:
            proxy.listen()
        self._is_refusing = []
        is_lying = trouble.redis == LYING
        port = self._liar.port if is_lying else self._redis.port
        has_moved = self._redis_proxy.target != ("127.0.0.1", port)
        self._redis_proxy.target = ("127.0.0.1", port)
        for proxy, mode in ((self._redis_proxy, trouble.redis), (self._database_proxy, trouble.database)):
            proxy.forward()
            MODES.get(mode, lambda proxy: None)(proxy)
            if mode == "refusing":
                self._is_refusing.append(proxy)
        if has_moved:
            self._redis_proxy.cut()

    def assert_used(self, trouble: Trouble) -> None:
        """Schedulers have connected through the proxies: else no trouble there could reach them."""
        for name, mode, proxy in (
            ("Redis", trouble.redis, self._redis_proxy),
            ("our database", trouble.database, self._database_proxy),
        ):
            if mode not in (OFF, "refusing"):
                assert proxy.n_connections, f"no scheduler has connected to {name}"
                proxy.n_connections = 0

    def environ(self, trouble: Trouble) -> dict[str, str]:
        """The plugin's options for a scheduler whose tiers are, or will be, so. Its tables are new and its own."""
        environ = {"AIRFLOW__SCHED_CACHE__ENABLED": "True"}
        if trouble.database == "refusing":
            environ[_DATABASE_URL] = f"postgresql+psycopg2://postgres@127.0.0.1:{free_port()}/nothing"
        else:
            name = self.server.create_database()
            environ[_DATABASE_URL] = self.server.url(name).replace(
                f":{self.server.port}/", f":{self._database_proxy.port}/"
            )
        if trouble.redis != OFF:
            environ["AIRFLOW__SCHED_CACHE__REDIS_URL"] = f"redis://127.0.0.1:{self._redis_proxy.port}/0"
            environ["AIRFLOW__SCHED_CACHE__NAMESPACE"] = f"of_{environ[_DATABASE_URL].rpartition('/')[2]}"
        return environ

    def environ_without(self, trouble: Trouble) -> dict[str, str]:
        """The options of a scheduler that `trouble` does not reach, since it goes past the proxies."""
        environ = self.environ(trouble.without)
        for name in (_DATABASE_URL, "AIRFLOW__SCHED_CACHE__REDIS_URL"):
            if name in environ:
                environ[name] = (
                    environ[name]
                    .replace(f":{self._database_proxy.port}/", f":{self.server.port}/")
                    .replace(f":{self._redis_proxy.port}/", f":{self._redis.port}/")
                )
        return environ


_DATABASE_URL = "AIRFLOW__SCHED_CACHE__DATABASE_URL"
