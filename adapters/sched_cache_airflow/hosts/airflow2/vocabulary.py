"""The words of the tested releases of Airflow 2, all of them together. Importing this imports nothing of Airflow."""

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
                keys=("(dag_id, map_index, run_id, task_id)",),
                columns="""
                    custom_operator_name dag_id duration end_date executor executor_config
                    external_executor_id hostname job_id map_index max_tries next_kwargs next_method
                    operator pid pool pool_slots priority_weight queue queued_by_job_id queued_dttm
                    rendered_map_index run_id start_date state task_display_name task_id trigger_id
                    trigger_timeout try_number unixname updated_at
                """,
            ),
            *rows(
                "airflow.models.dagrun:DagRun",
                "dag_run",
                keys=("(dag_id, execution_date), (dag_id, run_id), (id)",),
                columns="""
                    clear_number conf creating_job_id dag_hash dag_id data_interval_end data_interval_start
                    end_date execution_date external_trigger id last_scheduling_decision log_template_id
                    queued_at run_id run_type start_date state updated_at
                """,
            ),
            *rows(
                "airflow.models.xcom:BaseXCom",
                "xcom",
                keys=("(dag_run_id, key, map_index, task_id)",),
                columns="dag_id dag_run_id key map_index run_id task_id timestamp value",
            ),
            words(
                "state",
                host_words.states,
                """
                    deferred failed queued removed restarting running scheduled shutdown skipped success
                    up_for_reschedule up_for_retry upstream_failed
                """,
            ),
            words(
                "unfinished state",
                host_words.unfinished_states,
                "None deferred queued restarting running scheduled up_for_reschedule up_for_retry",
            ),
            words(
                "finished state", host_words.finished_states, "failed removed skipped success upstream_failed"
            ),
            words("schedulable state", host_words.schedulable_states, "None up_for_reschedule up_for_retry"),
            words(
                "trigger rule",
                host_words.trigger_rules,
                """
                    all_done all_done_setup_success all_failed all_skipped all_success always dummy
                    none_failed none_failed_min_one_success none_failed_or_skipped none_skipped one_done
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
                    base_ti_dep dag_ti_slots_available_dep dag_unpaused_dep dagrun_backfill_dep
                    dagrun_exists_dep exec_date_after_start_date_dep mapped_task_expanded
                    mapped_task_upstream_dep not_in_retry_period_dep not_previously_skipped_dep
                    pool_slots_available_dep prev_dagrun_dep ready_to_reschedule runnable_exec_date_dep
                    task_concurrency_dep task_not_running_dep trigger_rule_dep valid_state_dep
                """,
            ),
            words("expansion", host_words.expansions, "dict-of-lists list-of-dicts"),
        ),
        CONTENTS: (
            *rows(
                "airflow.models.serialized_dag:SerializedDagModel",
                "serialized_dag",
                keys=("(dag_id)",),
                columns="dag_hash dag_id data data_compressed fileloc fileloc_hash last_updated processor_subdir",
            ),
            words(
                "field of a task",
                host_words.task_fields,
                """
                    _log_config_logger_name _logger_name _needs_expansion _operator_name _post_execute_hook
                    _pre_execute_hook _task_display_property_value _task_type allow_nested_operators
                    depends_on_past do_xcom_push doc doc_json doc_md doc_rst doc_yaml downstream_task_ids
                    email email_on_failure email_on_retry end_date execution_timeout executor
                    executor_config ignore_first_depends_on_past inlets is_setup is_teardown
                    map_index_template max_active_tis_per_dag max_active_tis_per_dagrun max_retry_delay
                    multiple_outputs on_execute_callback on_failure_callback on_failure_fail_dagrun
                    on_retry_callback on_skipped_callback on_success_callback outlets owner params pool
                    pool_slots priority_weight queue resources retries retry_delay retry_exponential_backoff
                    run_as_user sla start_date start_from_trigger start_trigger_args subdag task_id
                    template_ext template_fields template_fields_renderers trigger_rule ui_color ui_fgcolor
                    wait_for_downstream wait_for_past_depends_before_skipping weight_rule
                """,
            ),
            words(
                "attribute of a task",
                host_words.task_attributes,
                """
                    _BaseOperator__from_mapped _BaseOperator__init_kwargs _BaseOperator__instantiated
                    _is_setup _is_teardown _log_config_logger_name _logger_name _post_execute_hook
                    _pre_execute_hook _task_display_property_value _task_type allow_nested_operators
                    depends_on_past do_xcom_push doc doc_json doc_md doc_rst doc_yaml downstream_task_ids
                    email email_on_failure email_on_retry execution_timeout executor executor_config
                    ignore_first_depends_on_past inlets map_index_template max_active_tis_per_dag
                    max_active_tis_per_dagrun max_retry_delay multiple_outputs on_execute_callback
                    on_failure_callback on_retry_callback on_skipped_callback on_success_callback
                    operator_extra_links outlets owner params pool pool_slots priority_weight queue
                    resources retries retry_delay retry_exponential_backoff run_as_user sla task_id
                    template_ext template_fields trigger_rule ui_color ui_fgcolor upstream_task_ids
                    wait_for_downstream wait_for_past_depends_before_skipping weight_rule
                """,
            ),
            words(
                "field of a DAG",
                host_words.dag_fields,
                """
                    _access_control _dag_display_property_value _dag_id _default_view _description
                    _max_active_tasks _processor_dags_folder _task_group catchup dagrun_timeout
                    dataset_triggers default_args doc_md edge_info end_date fileloc is_paused_upon_creation
                    max_active_runs max_consecutive_failed_dag_runs orientation owner_links
                    render_template_as_native_obj schedule_interval start_date tags timetable timezone
                """,
            ),
            words(
                "type in a document",
                host_words.types,
                """
                    Job airflow_exc_ser arg_not_set base_exc_ser base_trigger connection dag
                    dag_callback_request dag_model dag_run data_set dataset dataset_alias dataset_all
                    dataset_any dataset_event_accessor dataset_event_accessors datetime dict edgeinfo
                    k8s.V1Pod log_template operator param relativedelta set simple_task_instance
                    sla_callback_request task_callback_request task_context task_instance task_instance_key
                    taskgroup timedelta timezone trigger tuple xcomref
                """,
            ),
        ),
        DAG_ROWS: (
            *rows(
                "airflow.models.dag:DagModel",
                "dag",
                keys=("(dag_id)",),
                columns="""
                    dag_display_name dag_id dataset_expression default_view description fileloc
                    has_import_errors has_task_concurrency_limits is_active is_paused is_subdag last_expired
                    last_parsed_time last_pickled max_active_runs max_active_tasks
                    max_consecutive_failed_dag_runs next_dagrun next_dagrun_create_after
                    next_dagrun_data_interval_end next_dagrun_data_interval_start owners pickle_id
                    processor_subdir root_dag_id schedule_interval scheduler_lock timetable_description
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
