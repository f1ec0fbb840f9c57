"""Sensors in reschedule mode, deferral, assets, concurrency limits, timeouts, runs started by others."""

import datetime
import os
from pathlib import Path

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.sensors.python import PythonSensor
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import DAG, Asset, BaseOperator, task

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


# Long enough for an executor's report of one part of a task to arrive before the next part is queued: Airflow
# fails a task whose report it gets too late.
PAUSE_SECONDS = 10


def second_poke():
    poked = Path(os.environ["AIRFLOW_HOME"]) / "poked"
    if poked.exists():
        return True
    poked.touch()
    return False


class Defers(BaseOperator):
    """Waits in the triggerer."""

    def __init__(self, word="alone", **options):
        super().__init__(**options)
        self.word = word

    def execute(self, context):
        self.defer(trigger=TimeDeltaTrigger(datetime.timedelta(seconds=PAUSE_SECONDS)), method_name="resume")

    def resume(self, context, event=None):
        return "resumed"


with DAG("sensors", start_date=START, schedule=None):
    times = {"mode": "reschedule", "poke_interval": PAUSE_SECONDS}
    ready = PythonSensor(task_id="ready", python_callable=lambda: True, **times)
    later = PythonSensor(task_id="later", python_callable=second_poke, **times)
    never = PythonSensor(
        task_id="times_out", python_callable=lambda: False, timeout=2, soft_fail=True, retries=0, **times
    )
    [ready, later] >> EmptyOperator(task_id="after_ready")
    never >> EmptyOperator(task_id="skipped_after_timeout")

with DAG("deferrable", start_date=START, schedule=None):
    Defers(task_id="defers") >> EmptyOperator(task_id="after_deferral")
    Defers.partial(task_id="defers_mapped").expand(word=["one", "two"])

made = Asset("sched-cache-made")
with DAG("asset_producer", start_date=START, schedule=None):

    @task(outlets=[made])
    def produce():
        return None

    produce()

with DAG("asset_consumer", start_date=START, schedule=[made]):

    @task(inlets=[made])
    def consume():
        return None

    consume()

with DAG("once", start_date=START, schedule="@once"):
    EmptyOperator(task_id="scheduled")

with DAG("limits", start_date=START, schedule=None, max_active_runs=1, max_active_tasks=2):

    @task(max_active_tis_per_dag=1, depends_on_past=True)
    def one_at_a_time(number):
        return number

    one_at_a_time.expand(number=[1, 2])

with DAG("run_timeout", start_date=START, schedule=None, dagrun_timeout=datetime.timedelta(seconds=25)):
    PythonSensor(
        task_id="waits", python_callable=lambda: False, mode="reschedule", poke_interval=600
    ) >> EmptyOperator(task_id="not_reached")

with DAG("controller", start_date=START, schedule=None):
    TriggerDagRunOperator(
        task_id="start", trigger_dag_id="controlled", trigger_run_id="from_controller", reset_dag_run=True
    )

with DAG("controlled", start_date=START, schedule=None):
    EmptyOperator(task_id="ran")
