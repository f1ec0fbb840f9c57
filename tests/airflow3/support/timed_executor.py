"""An executor that executes nothing: each task runs for a given time and succeeds, through the execution API."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timezone
from threading import local
from typing import Any

import httpx
from airflow.configuration import conf
from airflow.executors.base_executor import BaseExecutor

SECONDS = "TIMED_EXECUTOR_SECONDS"
_N_THREADS = 16


class TimedExecutor(BaseExecutor):
    """Tasks take as long as the environment variable `TIMED_EXECUTOR_SECONDS` says."""

    is_local = True

    def start(self) -> None:
        self._url = conf.get("core", "execution_api_server_url")
        self._seconds = float(os.environ[SECONDS])
        self._pool = ThreadPoolExecutor(_N_THREADS)
        self._own = local()
        self._ended: list[tuple[Any, Future[None]]] = []

    def queue_workload(self, workload: Any, session: Any) -> None:
        self.queued_tasks[workload.ti.key] = workload

    def _process_workloads(self, workloads: Any) -> None:
        for workload in workloads:
            key = workload.ti.key
            self.queued_tasks.pop(key, None)
            self.running.add(key)
            self._ended.append((key, self._pool.submit(self._execute, workload)))

    def sync(self) -> None:
        for key, ended in [one for one in self._ended if one[1].done()]:
            self._ended.remove((key, ended))
            ended.result()
            self.success(key)

    def _execute(self, workload: Any) -> None:
        begun = {
            "state": "running",
            "hostname": "timed",
            "unixname": "timed",
            "pid": os.getpid(),
            "start_date": _now(),
        }
        token = self._patch(workload.ti.id, workload.token, "run", begun)
        time.sleep(self._seconds)
        ended = {"state": "success", "end_date": _now(), "task_outlets": [], "outlet_events": []}
        self._patch(workload.ti.id, token, "state", ended)

    def _patch(self, ti_id: Any, token: str, what: str, body: dict[str, Any]) -> str:
        """The token for the next call: the one of a workload serves to begin it, and no more."""
        client = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = httpx.Client(timeout=30.0)
        url = f"{self._url.rstrip('/')}/task-instances/{ti_id}/{what}"
        answer = client.patch(url, json=body, headers={"Authorization": f"Bearer {token}"})
        answer.raise_for_status()
        return str(answer.headers.get("Refreshed-API-Token", token))

    def end(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def terminate(self) -> None:
        self.end()


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()
