"""A private Redis Sentinel."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.support.servers.process import ServerProcess, program
from tests.support.servers.redis import RedisServer

if TYPE_CHECKING:
    from redis import Redis


class RedisSentinel(ServerProcess):
    """One sentinel that alone decides over `primary` and its replicas, known to clients as `service_name`."""

    run_as: ClassVar[tuple[str, ...]] = ("redis",)
    service_name: ClassVar[str] = "sched-cache-test"

    def __init__(self, primary: RedisServer) -> None:
        self._program = program("redis-server")
        super().__init__()
        self._primary = primary

    def prepare(self) -> None:
        # Sentinel rewrites its file, so its user must own it.
        self.run("sh", "-c", 'printf "%s" "$1" > sentinel.conf', "sh", self._configuration())

    def command(self) -> list[str]:
        return [self._program, "sentinel.conf", "--sentinel"]

    def is_ready(self) -> bool:
        from redis import RedisError

        try:
            return self.primary_port() is not None
        except RedisError:
            return False

    def primary_port(self) -> int | None:
        """The port of the server that this sentinel takes for the primary."""
        with self._client() as client:
            # Spelled out, since the method of redis-py 6.4 fails.
            address = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.service_name)
        return int(address[1]) if address else None

    def can_fail_over(self) -> bool:
        """Whether it knows a replica that is in touch with the primary."""
        with self._client() as client:
            replicas = client.sentinel_slaves(self.service_name)
        return any(replica["master-link-status"] == "ok" for replica in replicas)

    def fail_over(self) -> None:
        """Asks for another primary; returns before there is one."""
        with self._client() as client:
            client.sentinel_failover(self.service_name)

    def _client(self) -> Redis:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        return Redis(host="127.0.0.1", port=self.port, socket_timeout=5.0, retry=Retry(NoBackoff(), 0))

    def _configuration(self) -> str:
        name = self.service_name
        lines = (
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {self.folder}",
            f"sentinel monitor {name} 127.0.0.1 {self._primary.port} 1",
            f"sentinel down-after-milliseconds {name} 1000",
            f"sentinel failover-timeout {name} 5000",
        )
        return "\n".join(lines) + "\n"
