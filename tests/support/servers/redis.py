"""A private Redis."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.support.servers.process import ServerProcess, free_port, program
from tests.support.servers.tls import Certificate

_BUS_OFFSET = 10_000  # where the nodes of a cluster talk to each other


class RedisServer(ServerProcess):
    """Redis without persistence: `restart` and `kill` lose everything in it.

    Args:
        password: what clients and replicas must say.
        replica_of: the server to copy.
        tls: whether only encrypted connections are accepted; `url` then names the certificate to trust.
        is_cluster_node: whether it waits to be joined into a cluster; see `RedisCluster`.
    """

    run_as: ClassVar[tuple[str, ...]] = ("redis",)

    def __init__(
        self,
        *,
        password: str | None = None,
        replica_of: RedisServer | None = None,
        tls: bool = False,
        is_cluster_node: bool = False,
    ) -> None:
        self._program = program("redis-server")
        super().__init__()
        if is_cluster_node:
            self.port = free_port(_BUS_OFFSET)
        self._password = password
        self._replica_of = replica_of
        self._is_cluster_node = is_cluster_node
        self._certificate = Certificate.create(self.folder) if tls else None

    def command(self) -> list[str]:
        options: dict[str, object] = {"bind": "127.0.0.1", "dir": self.folder, "save": "", "appendonly": "no"}
        options["repl-diskless-sync-delay"] = 0
        if self._certificate is None:
            options["port"] = self.port
        else:
            options |= {"port": 0, "tls-port": self.port, "tls-auth-clients": "no"}
            options |= {
                "tls-cert-file": self._certificate.certificate_path,
                "tls-key-file": self._certificate.key_path,
            }
            options["tls-ca-cert-file"] = self._certificate.certificate_path
        if self._password is not None:
            options |= {"requirepass": self._password, "masterauth": self._password}
        if self._replica_of is not None:
            options["replicaof"] = f"127.0.0.1 {self._replica_of.port}"
        if self._is_cluster_node:
            options |= {"cluster-enabled": "yes", "cluster-node-timeout": 2000}
        return [
            self._program,
            *(word for name, value in options.items() for word in (f"--{name}", str(value))),
        ]

    def is_ready(self) -> bool:
        from redis import RedisError

        try:
            return self.execute("PING") is True
        except RedisError:
            return False

    @property
    def url(self) -> str:
        user = f":{self._password}@" if self._password is not None else ""
        if self._certificate is None:
            return f"redis://{user}127.0.0.1:{self.port}/0"
        return f"rediss://{user}127.0.0.1:{self.port}/0?ssl_ca_certs={self._certificate.certificate_path}"

    def execute(self, *command: str | bytes | int) -> Any:
        """redis-py's answer to one command, over a connection of its own and without trying again."""
        from redis import Redis

        with Redis.from_url(self.url, socket_timeout=60.0, retry=None) as client:
            return client.execute_command(*command)

    def flush(self) -> None:
        """Forgets every key."""
        self.execute("FLUSHALL")

    def is_in_sync(self) -> bool:
        """Whether this replica is connected and has all that its primary has written."""
        assert self._replica_of is not None
        mine, theirs = self.execute("INFO", "replication"), self._replica_of.execute("INFO", "replication")
        return bool(
            mine["master_link_status"] == "up" and mine["slave_repl_offset"] == theirs["master_repl_offset"]
        )

    def promote(self) -> None:
        """Makes this replica a primary with what it has now; later writes to its primary never arrive."""
        self.execute("REPLICAOF", "NO", "ONE")
        self._replica_of = None
