"""Gates that hold tasks of the DAGs until a test opens them, and the list of executions."""

import asyncio
import os
import time
from pathlib import Path

from airflow.triggers.base import BaseTrigger, TriggerEvent

_HOME = Path(os.environ["AIRFLOW_HOME"])


def is_open(gate):
    return gate == 0 or (_HOME / f"gate-{gate}").exists()


def note(word, context):
    """Appends a line for one execution, which is written at once; how many of them there are by now."""
    ti = context["ti"]
    line = f"{ti.dag_id} {ti.run_id} {ti.task_id} {ti.map_index} {word}\n"
    path = _HOME / "executions"
    with path.open("ab", buffering=0) as executions:
        executions.write(line.encode())
    return path.read_text().splitlines(keepends=True).count(line)


def wait_inside(gate):
    """Waits in the process of the task, which ends at once when its supervisor was killed."""
    supervisor = os.getppid()
    while True:
        # First: a gate may open right after the supervisor was killed, and an Airflow 2 would note the success.
        if os.getppid() != supervisor:
            os._exit(1)
        if is_open(gate):
            return
        time.sleep(0.2)


class GateTrigger(BaseTrigger):
    """Fires when a gate is open."""

    def __init__(self, gate):
        super().__init__()
        self.gate = gate

    def serialize(self):
        return "gates.GateTrigger", {"gate": self.gate}

    async def run(self):
        while not is_open(self.gate):
            await asyncio.sleep(0.5)
        yield TriggerEvent("open")
