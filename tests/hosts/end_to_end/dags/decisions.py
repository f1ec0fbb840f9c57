"""Branches, skips, failures and every trigger rule over them."""

import datetime

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TaskGroup, TriggerRule, task

try:
    from airflow.sdk.exceptions import AirflowSkipException
except ImportError:  # Airflow 3.1 has it in its core
    from airflow.exceptions import AirflowSkipException

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)

with DAG("branches", start_date=START, schedule=None):

    @task.branch
    def choose():
        return ["left", "group.inner"]

    @task.short_circuit
    def stop_here():
        return False

    chosen = choose()
    left = EmptyOperator(task_id="left")
    right = EmptyOperator(task_id="right")
    with TaskGroup("group") as group:
        inner = EmptyOperator(task_id="inner")
        other = EmptyOperator(task_id="other")
    join = EmptyOperator(task_id="join", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    stopped = stop_here()
    chosen >> [left, right, inner, other] >> join >> stopped >> EmptyOperator(task_id="never")
    (
        stopped
        >> EmptyOperator(task_id="also_never")
        >> EmptyOperator(task_id="not_even_with_all_done", trigger_rule=TriggerRule.ALL_DONE)
    )

with DAG("trigger_rules", start_date=START, schedule=None):

    @task
    def fails():
        raise ValueError("on purpose")

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def skips():
        raise AirflowSkipException("on purpose")

    good, failed, skipped = EmptyOperator(task_id="succeeds"), fails(), skips()
    # One after the other: with some rules the one that ends first decides.
    failed >> skipped
    upstreams = {
        "good": [good],
        "failed": [failed],
        "skipped": [skipped],
        "mixed": [good, failed, skipped],
        "good_and_skipped": [good, skipped],
    }
    for rule in TriggerRule:
        if rule == TriggerRule.ALL_DONE_SETUP_SUCCESS:
            continue  # teardown tasks only
        for name, tasks in upstreams.items():
            tasks >> EmptyOperator(task_id=f"{rule.value}__{name}", trigger_rule=rule)

with DAG("failures", start_date=START, schedule=None, max_consecutive_failed_dag_runs=5):

    @task(retries=3, retry_delay=datetime.timedelta(seconds=1))
    def succeeds_second_time(ti=None):
        if ti.try_number == 1:
            raise ValueError("on purpose")

    @task(retries=1, retry_delay=datetime.timedelta(seconds=1))
    def fails_twice():
        raise ValueError("on purpose")

    twice = fails_twice()
    succeeds_second_time() >> EmptyOperator(task_id="after_success")
    twice >> EmptyOperator(task_id="upstream_failed") >> EmptyOperator(task_id="upstream_failed_too")
    twice >> EmptyOperator(task_id="cleans_up", trigger_rule=TriggerRule.ONE_FAILED)

with DAG("fail_fast", start_date=START, schedule=None, fail_fast=True):

    @task
    def fails_first():
        raise ValueError("on purpose")

    fails_first() >> EmptyOperator(task_id="stopped")
