"""One process of the cluster; see `tests.support.hurt_cluster.worker`."""

from __future__ import annotations

from tests.simple_scheduler.processor import process_files
from tests.simple_scheduler.scheduler import schedule
from tests.support.hurt_cluster import worker

if __name__ == "__main__":
    worker.main(process_files, schedule)
