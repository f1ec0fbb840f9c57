"""Two processors and four schedulers as processes, on a real database and a real Redis that are hurt meanwhile.

A client of the same Redis lies all the time; see `tests.chaos.liar`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import Connection, text

from sched_cache.store.sql import DEFAULT_PREFIX
from tests.chaos.checker import quoted_key, summary, violations
from tests.chaos.worker import EFFECTS
from tests.support.hurt_cluster.cluster import HurtCluster
from tests.support.module_process import ModuleProcess
from tests.support.servers import RedisServer

STALENESS_SECONDS = 0.5
LIES_PER_SECOND = 400
_SETTLE_SECONDS = 30.0


class Cluster(HurtCluster):
    roles = ("processor",) * 2 + ("scheduler",) * 4
    worker = "tests.chaos.worker"
    edits_per_second = 30.0
    restarts_database_every = 7
    options: ClassVar = {"SCHED_CACHE__MAX_STALENESS_SECONDS": str(STALENESS_SECONDS)}

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._last_seen: dict[str, tuple[int, int]] = {}

    def create_tables(self, connection: Connection) -> None:
        connection.execute(text(f"CREATE TABLE {EFFECTS} (dag VARCHAR(50), edition BIGINT, seq BIGINT)"))

    def others(self) -> Sequence[ModuleProcess]:
        arguments = (self.redis.url, str(self.seed), str(LIES_PER_SECOND))
        return [ModuleProcess("tests.chaos.liar", *arguments, talks=False)]

    def faults(self) -> list[Callable[[], None]]:
        return [
            self.kill_worker,
            self.kill_worker,
            self.redis.flush,
            self.pause_redis,
            self.redis.restart,
            self._fail_over,
        ]

    def _fail_over(self) -> None:
        """Replaces the content by that of a lagging replica: old contents come back, and new ones are lost."""
        with RedisServer(replica_of=self.redis) as replica:
            deadline = time.monotonic() + 5
            while not replica.is_in_sync() and time.monotonic() < deadline:
                time.sleep(0.05)
            replica.promote()
            time.sleep(self.choose.uniform(0.1, 0.4))
            self.redis.execute("REPLICAOF", "127.0.0.1", str(replica.port))
            time.sleep(0.3)
            self.redis.execute("REPLICAOF", "NO", "ONE")

    def watch(self) -> None:
        """S1, as far as looking now and then shows it."""
        try:
            with self.engine.connect() as connection:
                key = quoted_key(connection)
                rows = connection.execute(
                    text(f"SELECT {key}, version, parsed_seq FROM {DEFAULT_PREFIX}dag")
                ).all()
        except Exception:
            return  # the database is being restarted
        for key, version, seq in rows:
            before = self._last_seen.get(key, (0, 0))
            if version < before[0] or seq < before[1] or version > seq:
                self.found.append(f"S1 {key}: {before} was followed by {(version, seq)}")
            self._last_seen[key] = (version, seq)

    def settle(self) -> None:
        """Everything has to become current and acknowledged."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < deadline:
            time.sleep(0.5)
            with self.engine.connect() as connection:
                key = quoted_key(connection)
                n_pending = connection.execute(
                    text(
                        f"SELECT count(*) FROM {DEFAULT_PREFIX}dag d JOIN {DEFAULT_PREFIX}acknowledged a "
                        f"ON a.{key} = d.{key} WHERE d.parsed_seq > a.acknowledged_seq"
                    )
                ).scalar_one()
            if not n_pending and self.is_current():
                self.kill_processors()
                time.sleep(2)
                return
        self.found.append(f"L: not everything became current within {_SETTLE_SECONDS:.0f} s")

    def violations(self, connection: Connection) -> list[str]:
        return violations(self.folder, connection, DEFAULT_PREFIX, STALENESS_SECONDS)

    def counts(self, connection: Connection) -> Mapping[str, object]:
        return summary(self.folder)
