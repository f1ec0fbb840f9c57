"""Mapped tasks, mapped groups, and setup and teardown."""

import datetime

from airflow.sdk import DAG, setup, task, task_group, teardown

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)

with DAG("mapped", start_date=START, schedule=None):

    @task
    def numbers():
        return [1, 2, 3]

    @task
    def nothing():
        return []

    @task
    def double(number):
        return number * 2

    @task
    def fails_on_two(number):
        if number == 2:
            raise ValueError("on purpose")

    @task(trigger_rule="all_done")
    def total(values):
        return sum(values)

    source = numbers()
    total(double.expand(number=source))
    double.override(task_id="double_literal").expand(number=[10, 20])
    double.override(task_id="double_nothing").expand(number=nothing())
    fails_on_two.expand(number=source)

with DAG("mapped_groups", start_date=START, schedule=None):

    @task
    def letters():
        return ["a", "b"]

    @task_group
    def spell(letter):
        @task
        def upper(text):
            return text.upper()

        @task
        def twice(text):
            return text * 2

        return twice(upper(letter))

    @task
    def join(words):
        return "".join(words)

    join(spell.expand(letter=letters()))

with DAG("setup_teardown", start_date=START, schedule=None):

    @setup
    def create():
        return "cluster"

    @task
    def works():
        return None

    @task
    def breaks():
        raise ValueError("on purpose")

    @task
    def never():
        return None

    @teardown
    def destroy():
        return None

    created, destroyed = create(), destroy()
    created >> works() >> breaks() >> never() >> destroyed
    created >> destroyed
