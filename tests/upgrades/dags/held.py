"""Runs that stop at gate 1 and at gate 2, in every way in which a run can wait. For Airflow 2 and 3."""

import datetime

from airflow.exceptions import AirflowFailException
from gates import GateTrigger, is_open, note, wait_inside

try:
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.providers.standard.sensors.python import PythonSensor
    from airflow.sdk import DAG, Asset, BaseOperator, get_current_context, task
except ImportError:
    from airflow.datasets import Dataset as Asset
    from airflow.decorators import task
    from airflow.models.baseoperator import BaseOperator
    from airflow.models.dag import DAG
    from airflow.operators.empty import EmptyOperator
    from airflow.operators.python import get_current_context
    from airflow.sensors.python import PythonSensor

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
# Another content after each edit.
GENERATION = 0
DOCUMENTED = {"doc_md": f"generation {GENERATION}, open: {is_open(1)} {is_open(2)}"}
TIMES = {"mode": "reschedule", "poke_interval": 10}


def gate_sensor(number, **options):
    return PythonSensor(
        task_id=f"gate_{number}", python_callable=is_open, op_args=[number], **TIMES, **options
    )


def works(task_id, **options):
    @task(task_id=task_id, **options)
    def work():
        note("worked", get_current_context())

    return work()


class Defers(BaseOperator):
    """Waits in the triggerer."""

    def __init__(self, gate, **options):
        super().__init__(**options)
        self.gate = gate

    def execute(self, context):
        note("deferred", context)
        self.defer(trigger=GateTrigger(self.gate), method_name="resume")

    def resume(self, context, event=None):
        note("resumed", context)


@task
def holds(gate):
    note("began", get_current_context())
    wait_inside(gate)
    note("ended", get_current_context())


with DAG("sensors", start_date=START, schedule=None, **DOCUMENTED):
    works("first") >> gate_sensor(1) >> works("second") >> gate_sensor(2) >> works("third")

with DAG("killed", start_date=START, schedule=None, **DOCUMENTED):
    holds.override(task_id="until_1")(1) >> holds.override(task_id="until_2")(2) >> works("last")

with DAG("deferred", start_date=START, schedule=None, **DOCUMENTED):
    Defers(task_id="until_1", gate=1) >> Defers(task_id="until_2", gate=2) >> works("last")

with DAG("mapped", start_date=START, schedule=None, **DOCUMENTED):

    @task
    def numbers():
        note("worked", get_current_context())
        return [1, 2, 3]

    @task
    def double(number):
        note("worked", get_current_context())
        return number * 2

    @task
    def total(values):
        note(f"summed {sum(values)}", get_current_context())

    source = numbers()
    doubled = double.expand(number=source)
    source >> gate_sensor(1) >> doubled
    late = double.override(task_id="double_late").expand(number=doubled)
    gate_sensor(2) >> late
    total(late)

with DAG("rules", start_date=START, schedule=None, **DOCUMENTED):

    @task
    def fails():
        note("failed", get_current_context())
        raise AirflowFailException("on purpose")

    @task.branch
    def choose():
        note("chose", get_current_context())
        return "chosen"

    failed, opened, reached = fails(), gate_sensor(1), gate_sensor(2)
    [failed, opened] >> EmptyOperator(task_id="upstream_failed") >> works("after_failure")
    [failed, opened] >> works("one_failed", trigger_rule="one_failed")
    [failed, opened] >> works("all_done", trigger_rule="all_done") >> reached
    chosen, other = works("chosen"), works("not_chosen")
    reached >> choose() >> [chosen, other] >> works("join", trigger_rule="none_failed_min_one_success")

with DAG("retried", start_date=START, schedule=None, **DOCUMENTED):

    @task(retry_delay=datetime.timedelta(seconds=30))
    def second_time():
        if note("tried", get_current_context()) == 1:
            raise ValueError("on purpose")

    (
        second_time()
        >> gate_sensor(1)
        >> second_time.override(task_id="again")()
        >> gate_sensor(2)
        >> works("last")
    )

with DAG("one_at_a_time", start_date=START, schedule=None, max_active_runs=1, **DOCUMENTED):
    works("first") >> gate_sensor(1) >> works("last")

with DAG(
    "daily",
    start_date=START,
    end_date=START + 5 * DAY,
    schedule=DAY,
    catchup=True,
    max_active_runs=1,
    **DOCUMENTED,
):

    @task(depends_on_past=True)
    def begins():
        note("worked", get_current_context())

    def is_its_turn(logical_date):
        return is_open((logical_date - START).days // 2)

    begins() >> PythonSensor(task_id="its_turn", python_callable=is_its_turn, **TIMES) >> works("last")

now, later = Asset("sched-cache-now"), Asset("sched-cache-later")
with DAG("producer", start_date=START, schedule=None, **DOCUMENTED):

    @task
    def produce():
        note("worked", get_current_context())

    (
        produce.override(task_id="produce_now", outlets=[now])()
        >> gate_sensor(1)
        >> produce.override(task_id="produce_later", outlets=[later])()
    )

with DAG("consumer_now", start_date=START, schedule=[now], **DOCUMENTED):
    works("first") >> gate_sensor(2) >> works("last")

with DAG("consumer_later", start_date=START, schedule=[later], **DOCUMENTED):
    works("first") >> gate_sensor(2) >> works("last")

# Edited while its runs are under way: each gate that opens adds a task.
with DAG("edited", start_date=START, schedule=None, **DOCUMENTED):
    first = works("first") >> gate_sensor(1)
    waits = gate_sensor(2)
    for gate in [0, 1] if is_open(1) else [0]:
        first >> works(f"since_{gate}") >> waits
    waits >> works("last")
