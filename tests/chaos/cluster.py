"""Two processors and four schedulers as processes, on a real database and a real Redis that are hurt meanwhile.

A client of the same Redis lies all the time; see `tests.chaos.liar`.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine, text

from sched_cache.config import Config
from sched_cache.dag_cache import DagCache
from sched_cache.store.sql import DEFAULT_PREFIX
from tests.chaos.checker import summary, violations
from tests.chaos.edited_files import KEYS, write_edition
from tests.chaos.worker import EFFECTS
from tests.support.servers import RedisServer

ROLES = ("processor",) * 2 + ("scheduler",) * 4
STALENESS_SECONDS = 0.5
LIES_PER_SECOND = 400


@dataclass
class Cluster:
    """The processes, the files they work on, and who hurts them. `restart_database` is None where none is to."""

    folder: Path
    database_url: str
    redis: RedisServer
    seed: int
    restart_database: Callable[[], None] | None = None
    n_faults: int = 0
    s1: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._choose = random.Random(self.seed)
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._n_started = 0
        self._editions = dict.fromkeys(KEYS, 0)
        self._engine = create_engine(self.database_url, pool_pre_ping=True)
        self._replica: RedisServer | None = None
        self._liar: subprocess.Popen[bytes] | None = None
        self._last_seen: dict[str, tuple[int, int]] = {}

    def run(self, seconds: float) -> list[str]:
        """Runs, hurts and settles the cluster; the violations."""
        for name in ("files", "journals"):
            (self.folder / name).mkdir()
        for key in KEYS:
            self._edit(key)
        with DagCache.open(Config(database_url=self.database_url, redis_url=None)) as cache:
            cache.store.init_db()
        with self._engine.begin() as connection:
            connection.execute(text(f"CREATE TABLE {EFFECTS} (dag VARCHAR(50), edition BIGINT, seq BIGINT)"))
        try:
            for role in ROLES:
                self._start(role)
            liar = [
                sys.executable,
                "-m",
                "tests.chaos.liar",
                self.redis.url,
                str(self.seed),
                str(LIES_PER_SECOND),
            ]
            self._liar = subprocess.Popen(liar)
            end = time.monotonic() + seconds
            next_fault = time.monotonic() + 1.0
            while time.monotonic() < end:
                self._edit(self._choose.choice(KEYS))
                self._watch()
                if time.monotonic() > next_fault:
                    self._hurt()
                    next_fault = time.monotonic() + self._choose.uniform(0.3, 1.5)
                time.sleep(self._choose.expovariate(30))
            self.redis.resume()
            self._settle()
        finally:
            if self._liar is not None:
                self._liar.kill()
                self._liar.wait()
            for worker in self._workers.values():
                worker.kill()
                worker.wait()
            if self._replica is not None:
                self._replica.stop()
        with self._engine.connect() as connection:
            return self.s1 + violations(self.folder, connection, DEFAULT_PREFIX, STALENESS_SECONDS)

    def summary(self) -> dict[str, object]:
        """The numbers of events."""
        return {**summary(self.folder), "faults": self.n_faults, "processes_started": self._n_started}

    def _start(self, role: str) -> None:
        self._n_started += 1
        name = f"{role}{self._n_started}"
        environment = {
            **os.environ,
            "SCHED_CACHE__DATABASE_URL": self.database_url,
            "SCHED_CACHE__REDIS_URL": self.redis.url,
            "SCHED_CACHE__MAX_STALENESS_SECONDS": str(STALENESS_SECONDS),
        }
        command = [
            sys.executable,
            "-m",
            "tests.chaos.worker",
            role,
            name,
            str(self.folder),
            str(self._n_started),
        ]
        self._workers[name] = subprocess.Popen(command, env=environment)

    def _edit(self, key: str) -> None:
        self._editions[key] += 1
        write_edition(self.folder / "files", key, self._editions[key])

    def _hurt(self) -> None:
        self.n_faults += 1
        faults: list[Callable[[], None]] = [
            self._kill_worker,
            self._kill_worker,
            self.redis.flush,
            self._pause_redis,
        ]
        faults += [self.redis.restart, self._fail_over]
        if self.restart_database is not None and self.n_faults % 7 == 0:
            self.restart_database()
            return
        self._choose.choice(faults)()

    def _kill_worker(self) -> None:
        name = self._choose.choice(sorted(self._workers))
        worker = self._workers.pop(name)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        self._start(name.rstrip("0123456789"))

    def _pause_redis(self) -> None:
        self.redis.pause()
        time.sleep(self._choose.uniform(0.1, 0.6))
        self.redis.resume()

    def _fail_over(self) -> None:
        """Replaces the content by that of a lagging replica: old contents come back, and new ones are lost."""
        with RedisServer(replica_of=self.redis) as replica:
            deadline = time.monotonic() + 5
            while not replica.is_in_sync() and time.monotonic() < deadline:
                time.sleep(0.05)
            replica.promote()
            time.sleep(self._choose.uniform(0.1, 0.4))
            self.redis.execute("REPLICAOF", "127.0.0.1", str(replica.port))
            time.sleep(0.3)
            self.redis.execute("REPLICAOF", "NO", "ONE")

    def _watch(self) -> None:
        """S1, as far as somebody sees who looks now and then."""
        try:
            with self._engine.connect() as connection:
                quoted = '"key"' if connection.dialect.name == "postgresql" else "`key`"
                rows = connection.execute(
                    text(f"SELECT {quoted}, version, parsed_seq FROM {DEFAULT_PREFIX}dag")
                ).all()
        except Exception:
            return  # the database is being restarted
        for key, version, seq in rows:
            before = self._last_seen.get(key, (0, 0))
            if version < before[0] or seq < before[1] or version > seq:
                self.s1.append(f"S1 {key}: {before} was followed by {(version, seq)}")
            self._last_seen[key] = (version, seq)

    def _settle(self) -> None:
        """No more faults and edits: everything has to become current and acknowledged."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            time.sleep(0.5)
            with self._engine.connect() as connection:
                quoted = '"key"' if connection.dialect.name == "postgresql" else "`key`"
                n_pending = connection.execute(
                    text(
                        f"SELECT count(*) FROM {DEFAULT_PREFIX}dag d JOIN {DEFAULT_PREFIX}acknowledged a "
                        f"ON a.{quoted} = d.{quoted} WHERE d.parsed_seq > a.acknowledged_seq"
                    )
                ).scalar_one()
            if not n_pending and self._all_published():
                for name in [name for name in self._workers if name.startswith("processor")]:
                    worker = self._workers.pop(name)  # they signal now and then without a change
                    worker.kill()
                    worker.wait()
                time.sleep(2)
                return
        self.s1.append("L: not everything became current within 30 s")

    def _all_published(self) -> bool:
        with DagCache.open(Config(database_url=self.database_url, redis_url=None)) as cache:
            dags = cache.get_many(KEYS)
        return all((dag := dags[key]) and dag.field("max_active_runs") == self._editions[key] for key in KEYS)
