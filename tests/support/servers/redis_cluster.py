"""A private Redis Cluster."""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import TracebackType

from tests.support.servers.process import ServerStartError, program
from tests.support.servers.redis import RedisServer

_JOIN_SECONDS = 30.0


class RedisCluster:
    """Three primaries without replicas that share the slots. `nodes` may be stopped, killed and paused."""

    def __init__(self) -> None:
        self._program = program("redis-cli")
        self._stack = ExitStack()
        self.nodes: list[RedisServer] = []

    @property
    def url(self) -> str:
        """The first node's; it names the others to a client."""
        return self.nodes[0].url

    def __enter__(self) -> RedisCluster:
        with ExitStack() as stack:
            self.nodes = [stack.enter_context(RedisServer(is_cluster_node=True)) for _ in range(3)]
            addresses = [f"127.0.0.1:{node.port}" for node in self.nodes]
            self.nodes[0].run(self._program, "--cluster", "create", *addresses, "--cluster-yes")
            self._wait_until_joined()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _wait_until_joined(self) -> None:
        deadline = time.monotonic() + _JOIN_SECONDS
        while not all(b"cluster_state:ok" in node.execute("CLUSTER", "INFO") for node in self.nodes):
            if time.monotonic() > deadline:
                raise ServerStartError("the nodes do not form a cluster")
            time.sleep(0.05)
