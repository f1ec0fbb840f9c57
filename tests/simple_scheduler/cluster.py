"""Two processors and three schedulers as processes, which are killed, on a database and a Redis that are hurt."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from sched_cache.config import Config
from sched_cache.dag_cache import DagCache
from tests.chaos.edited_files import KEYS, write_edition
from tests.simple_scheduler.checker import above_limits, summary, violations
from tests.simple_scheduler.processor import EDITION
from tests.simple_scheduler.tables import DAG_RUN, METADATA, TASK_INSTANCE
from tests.support.servers import RedisServer

_ROLES = ("processor",) * 2 + ("scheduler",) * 3
_EDITS_A_SECOND = 8.0
_SETTLE_SECONDS = 60.0


@dataclass
class Cluster:
    """The processes, the files they work on, and who hurts them."""

    folder: Path
    database_url: str
    redis: RedisServer
    seed: int
    restart_database: Callable[[], None]
    n_faults: int = 0
    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._choose = random.Random(self.seed)
        self._engine = create_engine(self.database_url, pool_pre_ping=True)
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._n_started = 0
        self._editions = dict.fromkeys(KEYS, 0)

    def run(self, seconds: float) -> list[str]:
        """Runs, hurts and settles the cluster; the violations."""
        for name in ("files", "journals"):
            (self.folder / name).mkdir()
        for key in KEYS:
            self._edit(key)
        with DagCache.open(Config(database_url=self.database_url, redis_url=None)) as cache:
            cache.store.init_db()
        METADATA.create_all(self._engine)
        try:
            for role in _ROLES:
                self._start(role)
            end, next_fault = time.monotonic() + seconds, time.monotonic() + 1.0
            while time.monotonic() < end:
                self._edit(self._choose.choice(KEYS))
                self._watch()
                if time.monotonic() > next_fault:
                    self._hurt()
                    next_fault = time.monotonic() + self._choose.uniform(0.3, 1.5)
                time.sleep(self._choose.expovariate(_EDITS_A_SECOND))
            self._settle()
        finally:
            for worker in self._workers.values():
                worker.kill()
                worker.wait()
        with self._engine.connect() as connection:
            return self.found + violations(self.folder, connection)

    def summary(self) -> dict[str, int]:
        """The numbers of events."""
        with self._engine.connect() as connection:
            counts = summary(self.folder, connection)
        return {**counts, "faults": self.n_faults, "processes_started": self._n_started}

    def _start(self, role: str) -> None:
        self._n_started += 1
        name = f"{role}{self._n_started}"
        environment = {
            **os.environ,
            "SCHED_CACHE__DATABASE_URL": self.database_url,
            "SCHED_CACHE__REDIS_URL": self.redis.url,
        }
        command = [sys.executable, "-m", "tests.simple_scheduler.worker", role, name]
        command += [str(self.folder), str(self._n_started)]
        self._workers[name] = subprocess.Popen(command, env=environment)

    def _edit(self, key: str) -> None:
        self._editions[key] += 1
        write_edition(self.folder / "files", key, self._editions[key])

    def _hurt(self) -> None:
        self.n_faults += 1
        if self.n_faults % 20 == 0:
            self.restart_database()
            return
        faults = [self._kill_worker] * 4 + [self._end_a_run] * 2 + [self.redis.flush, self._pause_redis]
        self._choose.choice(faults)()

    def _kill_worker(self) -> None:
        name = self._choose.choice(sorted(self._workers))
        worker = self._workers.pop(name)
        worker.kill()
        worker.wait()
        self._start(name.rstrip("0123456789"))

    def _end_a_run(self) -> None:
        """Somebody marks a run as failed: what waits of it has to be taken back."""
        with self._engine.begin() as connection:
            newest = connection.execute(
                select(func.max(DAG_RUN.c.edition)).where(DAG_RUN.c.dag_id == KEYS[0])
            ).scalar_one()
            connection.execute(
                update(DAG_RUN)
                .where(DAG_RUN.c.dag_id == KEYS[0], DAG_RUN.c.edition == newest)
                .values(state="failed")
            )

    def _pause_redis(self) -> None:
        self.redis.pause()
        time.sleep(self._choose.uniform(0.1, 0.6))
        self.redis.resume()

    def _watch(self) -> None:
        ended = [name for name, worker in self._workers.items() if worker.poll() is not None]
        self.found += [f"ended by itself: {name}" for name in ended]
        try:
            with self._engine.connect() as connection:
                self.found += above_limits(connection)
        except SQLAlchemyError:
            return  # the database is being restarted

    def _settle(self) -> None:
        """No more edits and faults: processors go on parsing until nothing waits, then schedulers finish."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < deadline and not (self._is_current() and not self._n_waiting()):
            time.sleep(0.3)
        for name in [name for name in self._workers if name.startswith("processor")]:
            worker = self._workers.pop(name)
            worker.kill()
            worker.wait()
        with DagCache.open(Config(database_url=self.database_url, redis_url=None)) as cache:
            while time.monotonic() < deadline:
                if not cache.store.fresh(0, 1).pointers and not self._n_waiting():
                    return
                time.sleep(0.3)
        self.found.append(f"not everything was handled within {_SETTLE_SECONDS:.0f} s")

    def _n_waiting(self) -> int:
        waiting = TASK_INSTANCE.c.state.in_(["scheduled", "queued"])
        with self._engine.connect() as connection:
            return connection.execute(
                select(func.count()).select_from(TASK_INSTANCE).where(waiting)
            ).scalar_one()

    def _is_current(self) -> bool:
        with DagCache.open(Config(database_url=self.database_url, redis_url=None)) as cache:
            dags = cache.get_many(KEYS)
        return all((dag := dags[key]) and dag.field(EDITION) == self._editions[key] for key in KEYS)
