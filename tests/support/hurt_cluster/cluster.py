"""The driver of a cluster whose workers are killed, on a database and a Redis into which faults are injected."""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

from sqlalchemy import Connection, create_engine

from sched_cache.config import Config
from sched_cache.dag_cache import DagCache
from tests.support.hurt_cluster.edited_files import EDITION, KEYS, write_edition
from tests.support.module_process import ModuleProcess
from tests.support.servers import RedisServer

_NO_OPTIONS: Mapping[str, str] = {}


class HurtCluster(ABC):
    """Workers, the files that they read, and faults, all chosen by the seed.

    Attributes:
        found: the violations that were seen while the cluster ran.
    """

    roles: ClassVar[Sequence[str]]
    """`processor` or `scheduler`, for each worker."""
    worker: ClassVar[str]
    """The module that a worker runs; see `worker.main`."""
    edits_per_second: ClassVar[float]
    restarts_database_every: ClassVar[int]
    """So many faults."""
    options: ClassVar[Mapping[str, str]] = _NO_OPTIONS
    """More options of the workers' caches."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        redis: RedisServer,
        seed: int,
        restart_database: Callable[[], None],
    ) -> None:
        self.folder = folder
        self.redis = redis
        self.seed = seed
        self.found: list[str] = []
        self.choose = random.Random(seed)
        self.engine = create_engine(database_url, pool_pre_ping=True)
        self.workers: dict[str, ModuleProcess] = {}
        self._database_url = database_url
        self._restart_database = restart_database
        self._n_faults = self._n_started = 0
        self._editions = dict.fromkeys(KEYS, 0)

    def run(self, seconds: float) -> list[str]:
        """Runs, hurts and settles the cluster; the violations."""
        for name in ("files", "journals"):
            (self.folder / name).mkdir()
        for key in KEYS:
            self._edit(key)
        with self.open_cache() as cache:
            cache.store.init_db()
        with self.engine.begin() as connection:
            self.create_tables(connection)
        with ExitStack() as stack:
            stack.callback(self._kill_workers, "")
            for role in self.roles:
                self._start(role)
            for other in self.others():
                stack.enter_context(other)
            end, next_fault = time.monotonic() + seconds, time.monotonic() + 1.0
            while time.monotonic() < end:
                self._edit(self.choose.choice(KEYS))
                self.watch()
                if time.monotonic() > next_fault:
                    self._hurt()
                    next_fault = time.monotonic() + self.choose.uniform(0.3, 1.5)
                time.sleep(self.choose.expovariate(self.edits_per_second))
            self.redis.resume()
            self.settle()
        with self.engine.connect() as connection:
            return self.found + self.violations(connection)

    def summary(self) -> dict[str, object]:
        """The numbers of events."""
        with self.engine.connect() as connection:
            counts = self.counts(connection)
        return {**counts, "faults": self._n_faults, "processes_started": self._n_started}

    @abstractmethod
    def create_tables(self, connection: Connection) -> None:
        """Creates the tables that the workers have beside those of the cache."""

    def others(self) -> Sequence[ModuleProcess]:
        """Processes beside the workers, started; they are never killed by a fault."""
        return ()

    @abstractmethod
    def faults(self) -> list[Callable[[], None]]:
        """One of them is chosen at a time."""

    @abstractmethod
    def watch(self) -> None:
        """Checks what must always hold. The database may be restarting."""

    @abstractmethod
    def settle(self) -> None:
        """Waits, without faults and edits, until everything is current and handled."""

    @abstractmethod
    def violations(self, connection: Connection) -> list[str]:
        """The properties that were violated, from the journals and the tables, after all processes have ended."""

    @abstractmethod
    def counts(self, connection: Connection) -> Mapping[str, object]:
        """The numbers of events in the journals and the tables."""

    def open_cache(self) -> DagCache:
        """A cache of this process, without Redis."""
        return DagCache.open(Config(database_url=self._database_url, redis_url=None))

    def is_current(self) -> bool:
        """Whether the last edition of every file is published."""
        with self.open_cache() as cache:
            dags = cache.get_many(KEYS)
        return all((dag := dags[key]) and dag.field(EDITION) == self._editions[key] for key in KEYS)

    def kill_processors(self) -> None:
        """Ends them for good: they announce DAGs without a change, too."""
        self._kill_workers("processor")

    def kill_worker(self) -> None:
        """Kills one worker, and starts another one in its role."""
        name = self.choose.choice(sorted(self.workers))
        self.workers.pop(name).kill()
        self._start(name.rstrip("0123456789"))

    def pause_redis(self) -> None:
        self.redis.pause()
        time.sleep(self.choose.uniform(0.1, 0.6))
        self.redis.resume()

    def _start(self, role: str) -> None:
        self._n_started += 1
        name = f"{role}{self._n_started}"
        environ = {
            "SCHED_CACHE__DATABASE_URL": self._database_url,
            "SCHED_CACHE__REDIS_URL": self.redis.url,
            **self.options,
        }
        arguments = (role, name, str(self.folder), str(self._n_started))
        self.workers[name] = ModuleProcess(self.worker, *arguments, environ=environ, talks=False)

    def _kill_workers(self, role: str) -> None:
        for name in [name for name in self.workers if name.startswith(role)]:
            self.workers.pop(name).kill()

    def _edit(self, key: str) -> None:
        self._editions[key] += 1
        write_edition(self.folder / "files", key, self._editions[key])

    def _hurt(self) -> None:
        self._n_faults += 1
        if self._n_faults % self.restarts_database_every == 0:
            self._restart_database()
        else:
            self.choose.choice(self.faults())()
