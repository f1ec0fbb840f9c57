"""The words of the tested releases of Airflow 3, all of them together. Importing this imports nothing of Airflow."""

from __future__ import annotations

from typing import Final

from sched_cache_airflow.hosts.contract import CONTENTS, DAG_ROWS, DECISIONS, JOBS
from sched_cache_airflow.hosts.shared import host_words
from sched_cache_airflow.hosts.vocabulary import Vocabulary, rows, words

VOCABULARY: Final = Vocabulary(
    {
        DECISIONS: (
            *rows(
                "airflow.models.taskinstance:TaskInstance",
                "task_instance",
                keys=("(dag_id, map_index, run_id, task_id), (id)",),
                columns="""
                    context_carrier custom_operator_name dag_id dag_version_id duration end_date executor
                    executor_config external_executor_id hostname id last_heartbeat_at map_index max_tries
                    next_kwargs next_method operator pid pool pool_slots priority_weight queue
                    queued_by_job_id queued_dttm rendered_map_index retry_delay_override retry_reason run_id
                    scheduled_dttm span_status start_date state task_display_name task_id trigger_id
                    trigger_timeout try_number unixname updated_at
                """,
            ),
            *rows(
                "airflow.models.dagrun:DagRun",
                "dag_run",
                keys=("(dag_id, logical_date), (dag_id, run_id), (id)",),
                columns="""
                    backfill_id bundle_version clear_number conf context_carrier created_at
                    created_dag_version_id creating_job_id dag_id data_interval_end data_interval_start
                    end_date id last_scheduling_decision log_template_id logical_date partition_date
                    partition_key queued_at run_after run_id run_type scheduled_by_job_id span_status
                    start_date state triggered_by triggering_user_name updated_at
                """,
            ),
            *rows(
                "airflow.models.xcom:XComModel",
                "xcom",
                keys=("(dag_run_id, key, map_index, task_id)",),
                columns="dag_id dag_result dag_run_id key map_index run_id task_id timestamp value",
            ),
            words(
                "state",
                host_words.states,
                """
                    awaiting_input deferred failed queued removed restarting running scheduled skipped
                    success up_for_reschedule up_for_retry upstream_failed
                """,
            ),
            words(
                "unfinished state",
                host_words.unfinished_states,
                """
                    None awaiting_input deferred queued restarting running scheduled up_for_reschedule
                    up_for_retry
                """,
            ),
            words(
                "finished state", host_words.finished_states, "failed removed skipped success upstream_failed"
            ),
            words("schedulable state", host_words.schedulable_states, "None up_for_reschedule up_for_retry"),
            words(
                "trigger rule",
                host_words.trigger_rules,
                """
                    all_done all_done_min_one_success all_done_setup_success all_failed all_skipped
                    all_success always none_failed none_failed_min_one_success none_skipped one_done
                    one_failed one_success
                """,
            ),
            words(
                "dependency",
                host_words.dependencies,
                """
                    mapped_task_upstream_dep.MappedTaskUpstreamDep
                    not_in_retry_period_dep.NotInRetryPeriodDep
                    not_previously_skipped_dep.NotPreviouslySkippedDep prev_dagrun_dep.PrevDagrunDep
                    trigger_rule_dep.TriggerRuleDep
                """,
            ),
            words(
                "module of dependencies",
                host_words.modules_of_dependencies,
                """
                    base_ti_dep dag_ti_slots_available_dep dag_unpaused_dep dagrun_exists_dep
                    exec_date_after_start_date_dep mapped_task_expanded mapped_task_upstream_dep
                    not_in_retry_period_dep not_previously_skipped_dep pool_slots_available_dep
                    prev_dagrun_dep ready_to_reschedule runnable_exec_date_dep task_concurrency_dep
                    task_not_running_dep trigger_rule_dep valid_state_dep
                """,
            ),
            words("expansion", host_words.expansions, "dict-of-lists list-of-dicts"),
        ),
        CONTENTS: (
            *rows(
                "airflow.models.serialized_dag:SerializedDagModel",
                "serialized_dag",
                keys=("(dag_version_id), (id)",),
                columns="created_at dag_hash dag_id dag_version_id data data_compressed id last_updated",
            ),
            *rows(
                "airflow.models.dag_version:DagVersion",
                "dag_version",
                keys=("(dag_id, version_number), (id)",),
                columns="bundle_name bundle_version created_at dag_id id last_updated version_data version_number",
            ),
            words(
                "field of a task",
                host_words.task_fields,
                """
                    _logger_name _needs_expansion _task_display_name allow_nested_operators depends_on_past
                    do_xcom_push doc doc_json doc_md doc_rst doc_yaml downstream_task_ids email
                    email_on_failure email_on_retry end_date execution_timeout executor executor_config
                    has_on_execute_callback has_on_failure_callback has_on_retry_callback
                    has_on_skipped_callback has_on_success_callback ignore_first_depends_on_past inlets
                    is_setup is_teardown map_index_template max_active_tis_per_dag max_active_tis_per_dagrun
                    max_retry_delay multiple_outputs on_failure_fail_dagrun outlets owner params pool
                    pool_slots priority_weight queue render_template_as_native_obj resources retries
                    retry_delay retry_exponential_backoff run_as_user start_date start_from_trigger
                    start_trigger_args task_id task_type template_ext template_fields
                    template_fields_renderers trigger_rule ui_color ui_fgcolor wait_for_downstream
                    wait_for_past_depends_before_skipping weight_rule
                """,
            ),
            words(
                "attribute of a task",
                host_words.task_attributes,
                """
                    _BaseOperator__from_mapped _can_skip_downstream _const_fields _is_empty _json_schema
                    _needs_expansion _operator_name _task_display_name _weight_rule allow_nested_operators dag
                    depends_on_past deps do_xcom_push doc doc_json doc_md doc_rst doc_yaml
                    downstream_task_ids email email_on_failure email_on_retry end_date execution_timeout
                    executor executor_config has_on_execute_callback has_on_failure_callback
                    has_on_retry_callback has_on_skipped_callback has_on_success_callback has_retry_policy
                    ignore_first_depends_on_past inlets is_setup is_teardown map_index_template
                    max_active_tis_per_dag max_active_tis_per_dagrun max_retry_delay multiple_outputs
                    on_failure_fail_dagrun operator_extra_links outlets owner params pool pool_slots
                    priority_weight queue render_template_as_native_obj resources retries retry_delay
                    retry_exponential_backoff run_as_user start_date start_from_trigger start_trigger_args
                    task_group task_id task_type template_ext template_fields template_fields_renderers
                    trigger_rule ui_color ui_fgcolor upstream_task_ids wait_for_downstream
                    wait_for_past_depends_before_skipping
                """,
            ),
            words(
                "field of a DAG",
                host_words.dag_fields,
                """
                    access_control allowed_run_types catchup dag_display_name dag_id dagrun_timeout deadline
                    default_args description disable_bundle_versioning doc_md edge_info end_date fail_fast
                    fileloc is_paused_upon_creation max_active_runs max_active_tasks
                    max_consecutive_failed_dag_runs owner_links relative_fileloc
                    render_template_as_native_obj rerun_with_latest_version start_date tags task_group
                    timetable timezone
                """,
            ),
            words(
                "type in a document",
                host_words.types,
                """
                    airflow_exc_ser arg_not_set asset asset_alias asset_alias_unique_key asset_all asset_any
                    asset_event_accessor asset_event_accessors asset_ref asset_unique_key base_exc_ser
                    base_trigger connection dag dag_callback_request datetime deadline_alert dict edgeinfo
                    k8s.V1Pod mapped_argument operator param relativedelta set task_callback_request
                    task_context task_instance_key taskgroup timedelta timezone tuple xcomref
                """,
            ),
        ),
        DAG_ROWS: (
            *rows(
                "airflow.models.dag:DagModel",
                "dag",
                keys=("(dag_id)",),
                columns="""
                    allowed_run_types asset_expression bundle_name bundle_version dag_display_name dag_id
                    deadline description exceeds_max_non_backfill fail_fast fileloc has_import_errors
                    has_task_concurrency_limits is_paused is_stale last_expired last_parse_duration
                    last_parsed_time max_active_runs max_active_tasks max_consecutive_failed_dag_runs
                    next_dagrun next_dagrun_create_after next_dagrun_data_interval_end
                    next_dagrun_data_interval_start next_dagrun_partition_date next_dagrun_partition_key
                    owners partition_mapper_info relative_fileloc timetable_description
                    timetable_partitioned timetable_periodic timetable_summary timetable_type
                """,
            ),
        ),
        JOBS: (
            *rows(
                "airflow.jobs.job:Job",
                "job",
                keys=("(id)",),
                columns="""
                    dag_id end_date executor_class hostname id job_type latest_heartbeat start_date state
                    unixname
                """,
            ),
        ),
    }
)
