"""Two processors and three schedulers as processes, which are killed, on a database and a Redis that are hurt."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from sqlalchemy import Connection, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from tests.simple_scheduler.checker import above_limits, summary, violations
from tests.simple_scheduler.tables import DAG_RUN, METADATA, TASK_INSTANCE
from tests.support.hurt_cluster.cluster import HurtCluster
from tests.support.hurt_cluster.edited_files import KEYS

_SETTLE_SECONDS = 60.0


class Cluster(HurtCluster):
    roles = ("processor",) * 2 + ("scheduler",) * 3
    worker = "tests.simple_scheduler.worker"
    edits_per_second = 8.0
    restarts_database_every = 20

    def create_tables(self, connection: Connection) -> None:
        METADATA.create_all(connection)

    def faults(self) -> list[Callable[[], None]]:
        return [self.kill_worker] * 4 + [self._end_a_run] * 2 + [self.redis.flush, self.pause_redis]

    def _end_a_run(self) -> None:
        """Marks a run as failed, so that its waiting task instances have to be taken back."""
        with self.engine.begin() as connection:
            newest = connection.execute(
                select(func.max(DAG_RUN.c.edition)).where(DAG_RUN.c.dag_id == KEYS[0])
            ).scalar_one()
            connection.execute(
                update(DAG_RUN)
                .where(DAG_RUN.c.dag_id == KEYS[0], DAG_RUN.c.edition == newest)
                .values(state="failed")
            )

    def watch(self) -> None:
        """No worker ends by itself, and no limit is exceeded."""
        self.found += [f"ended by itself: {name}" for name, one in self.workers.items() if one.has_ended]
        try:
            with self.engine.connect() as connection:
                self.found += above_limits(connection)
        except SQLAlchemyError:
            return  # the database is being restarted

    def settle(self) -> None:
        """Processors go on parsing until nothing waits, then schedulers finish."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < deadline and not (self.is_current() and not self._n_waiting()):
            time.sleep(0.3)
        self.kill_processors()
        with self.open_cache() as cache:
            while time.monotonic() < deadline:
                if not cache.store.fresh(0, 1).pointers and not self._n_waiting():
                    return
                time.sleep(0.3)
        self.found.append(f"not everything was handled within {_SETTLE_SECONDS:.0f} s")

    def _n_waiting(self) -> int:
        waiting = TASK_INSTANCE.c.state.in_(["scheduled", "queued"])
        with self.engine.connect() as connection:
            return connection.execute(
                select(func.count()).select_from(TASK_INSTANCE).where(waiting)
            ).scalar_one()

    def violations(self, connection: Connection) -> list[str]:
        return violations(self.folder, connection)

    def counts(self, connection: Connection) -> Mapping[str, object]:
        return summary(self.folder, connection)
