"""The hot fields, and the values that the host assumes for absent fields.

A field is hot if the scheduler reads it; all others are cold. Each row names the code of Airflow 3.3.2 that reads the
field (`TI` models/taskinstance.py, `DR` models/dagrun.py, `SJR` jobs/scheduler_job_runner.py, `TRD`
ti_deps/deps/trigger_rule_dep.py) or, for a field that only older documents have, the release. `default` is that of
serialization/schema.json, or of the operator class if the schema has none. Airflow 2.11 assumes other defaults for two
fields of any document: `ignore_first_depends_on_past` and `catchup` are true there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sched_cache.config.kind import FIXED_FIELDS
from sched_cache.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the serialized document that the scheduler reads."""

    name: str
    read_by: str
    default: Any = None
    older_names: tuple[str, ...] = ()


HOT_TASK_FIELDS: Final = (
    # Read in every loop, for every task instance that may run.
    Field("trigger_rule", "TRD:95", "all_success"),
    Field("is_setup", "TRD:290", False),
    Field("is_teardown", "TRD:120, DR:1077", False),
    Field("on_failure_fail_dagrun", "DR:1077", False, ("_on_failure_fail_dagrun",)),
    Field("depends_on_past", "prev_dagrun_dep.py", False),
    Field("wait_for_downstream", "prev_dagrun_dep.py", False),
    Field("ignore_first_depends_on_past", "prev_dagrun_dep.py", False),
    Field("_needs_expansion", "TRD:387", False),
    Field("_can_skip_downstream", "not_previously_skipped_dep.py", False),
    Field("_is_mapped", "DR:1720", False),
    Field("max_active_tis_per_dag", "DR:1171, SJR:897", None, ("task_concurrency",)),
    Field("max_active_tis_per_dagrun", "DR:1185, SJR:918"),
    Field("retry_delay", "not_in_retry_period_dep.py", 300.0),
    Field("retry_exponential_backoff", "TI next_retry_datetime", 0),
    Field("max_retry_delay", "TI next_retry_datetime"),
    Field("_is_sensor", "deserialize_operator: adds ReadyToRescheduleDep", False),
    Field("reschedule", "ready_to_reschedule.py:66", False),
    # Read when a task instance is ready.
    Field("_is_empty", "DR schedule_tis", False),  # no later host treats `_is_dummy` of 2.2 as this field
    Field("has_on_execute_callback", "DR schedule_tis", False),
    Field("has_on_success_callback", "DR schedule_tis", False),
    Field("outlets", "DR schedule_tis", [], ("_outlets",)),
    Field("inlets", "DR schedule_tis", [], ("_inlets",)),
    Field("start_from_trigger", "DR schedule_tis", False),
    Field("start_trigger_args", "TI:1784"),
    Field("execution_timeout", "TI:1784"),
    # Read when a task instance is created or refreshed.
    Field("queue", "TI:731", "default"),
    Field("pool", "TI:731", "default_pool"),
    Field("pool_slots", "TI:731", 1),
    Field("priority_weight", "TI:786", 1),
    Field("weight_rule", "TI:786", "downstream"),
    Field("run_as_user", "TI:731"),
    Field("retries", "TI:731", 0),
    Field("executor", "TI:731"),
    Field("executor_config", "TI:731", {}),
    Field("task_type", "TI:731", "BaseOperator", ("_task_type",)),
    Field("_operator_name", "TI:731"),
    # The second one is the keyword in the `partial_kwargs` of a mapped task.
    Field("_task_display_name", "TI:731", None, ("_task_display_property_value", "task_display_name")),
    Field("start_date", "set_task_dag_references"),
    Field("end_date", "set_task_dag_references"),
    # Read when a task instance has failed, or its executor reports.
    Field("has_on_retry_callback", "SJR:1530", False),
    Field("has_on_failure_callback", "SJR:1530", False),
    Field("email", "SJR:1581"),
    Field("email_on_failure", "SJR:1581", True),
    Field("email_on_retry", "SJR:1581", True),
    Field("owner", "models/log.py:99", "airflow"),
    # Read for the expansion of mapped tasks.
    Field("partial_kwargs", "mappedoperator.py"),
    Field("_expand_input_attr", "mappedoperator.py"),
    Field("expand_input", "taskmap.py:152"),
    Field("op_kwargs_expand_input", "taskmap.py:152"),
    # Airflow 2.11 only. There, `deps` marks a sensor in the mode reschedule.
    Field("sla", "2.11.2 SJR: every callback sent"),
    Field("deps", "2.11.2 TI get_failed_dep_statuses"),
)

HOT_DAG_FIELDS: Final = (
    Field("timetable", "SJR:2477, 2737"),
    Field("catchup", "SJR:2614", False),
    Field("start_date", "SJR:2477"),
    Field("end_date", "SJR:2477"),
    Field("dagrun_timeout", "SJR:2855"),
    Field("has_on_failure_callback", "DR update_state", False),
    Field("has_on_success_callback", "DR update_state", False),
    Field("max_consecutive_failed_dag_runs", "DR update_state", 0),
    Field("deadline", "create_dagrun, DR update_state"),
    Field("fail_fast", "TI:1957", False),
    Field("params", "create_dagrun", []),
    Field("disable_bundle_versioning", "create_dagrun", False),
    Field("allowed_run_types", "create_dagrun"),
    # Airflow 2.11 and older.
    Field("schedule_interval", "2.11.2 create_dagrun"),
    Field("timezone", "2.11.2 create_timetable: of a schedule_interval"),
    Field("max_active_runs", "2.11.2 SJR"),
    Field("max_active_tasks", "2.11.2 SJR", None, ("_max_active_tasks", "_concurrency", "concurrency")),
    Field("fileloc", "2.11.2 SJR: every callback sent"),
)

HOT_GROUP_FIELDS: Final = (
    Field("_group_id", "iter_mapped_task_groups"),
    Field("prefix_group_id", "iter_mapped_task_groups", True),
    Field("is_mapped", "iter_mapped_task_groups", False),
    Field("expand_input", "taskmap.py:152"),
)

TASK_DEFAULTS: Final = {field.name: field.default for field in HOT_TASK_FIELDS}
OLDER_TASK_NAMES: Final = {field.name: field.older_names for field in HOT_TASK_FIELDS if field.older_names}

RESCHEDULE_DEP: Final = "airflow.ti_deps.deps.ready_to_reschedule.ReadyToRescheduleDep"
"""An entry in the `deps` of a sensor in documents of version 1."""

PARTIAL_PREFIX: Final = "partial_kwargs."
"""The `partial_kwargs` of mapped tasks are columns of their own, so that their pool, for example, is hot, too."""


def _names(fields: Iterable[Field]) -> frozenset[str]:
    return frozenset(name for field in fields for name in (field.name, *field.older_names))


@dataclass(frozen=True, slots=True)
class HotFields:
    """The fields of the hot part: the tables above, plus `include`, minus `exclude`.

    A name is `task.FIELD` or `dag.FIELD`. All nodes of a cluster must choose the same, because the hash covers it.
    """

    task: frozenset[str] = _names(HOT_TASK_FIELDS)
    dag: frozenset[str] = _names(HOT_DAG_FIELDS)

    @classmethod
    def choose(cls, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> HotFields:
        """The tables with `include` added and `exclude` removed.

        Raises:
            ConfigError: a name does not begin with `task.` or `dag.`, or the format itself needs the field.
        """
        chosen = {"task": set(cls().task), "dag": set(cls().dag)}
        for option, names in (("hot_include", include), ("hot_exclude", exclude)):
            for name in names:
                scope, _, field = name.partition(".")
                if scope not in chosen or not field or field in FIXED_FIELDS:
                    raise ConfigError(
                        option, name, "task.FIELD or dag.FIELD, except " + ", ".join(FIXED_FIELDS)
                    )
                if option == "hot_include":
                    chosen[scope].add(field)
                else:
                    chosen[scope].discard(field)
        return cls(frozenset(chosen["task"]), frozenset(chosen["dag"]))

    def is_hot_task_field(self, name: str) -> bool:
        """Whether this task column, with or without the prefix `partial_kwargs.`, belongs to the hot part."""
        return name.removeprefix(PARTIAL_PREFIX) in self.task
