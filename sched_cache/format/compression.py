"""Parts as they travel to and rest in Redis: zlib with the words of Airflow's documents known beforehand.

Most DAGs are a few kilobytes, of which field names and default values are the bulk; a preset dictionary
removes those. Wire form: one byte, then the payload. 0: as it is. 1: zlib with `_DICTIONARY_1`.
"""

from __future__ import annotations

import zlib

from sched_cache.errors import FormatError

_PLAIN, _ZLIB_1 = b"\x00", b"\x01"
_LEVEL = 6

# Frozen with wire byte 1: a better dictionary gets a new byte. The likeliest words stand last (zlib's advice).
_DICTIONARY_1 = b"".join(
    b"""
airflow.providers.standard.operators.python airflow.providers.standard.operators.empty
airflow.providers.standard.operators.bash airflow.providers.standard.sensors.base airflow.decorators.python
airflow.providers.standard.operators.trigger_dagrun airflow.providers.standard.operators.latest_only
airflow.operators.python airflow.operators.bash airflow.operators.empty
airflow.timetables.simple.NullTimetable airflow.timetables.simple.OnceTimetable
airflow.timetables.simple.ContinuousTimetable airflow.timetables.simple.AssetTriggeredTimetable
airflow.timetables.interval.DeltaDataIntervalTimetable airflow.timetables.interval.CronDataIntervalTimetable
airflow.timetables.trigger.CronTriggerTimetable run_immediately interval expression timezone 0 0 * * *
asset_condition __type __var asset asset_all asset_any alias uri name group extra
_PythonDecoratedOperator PythonOperator BashOperator EmptyOperator BranchPythonOperator ShortCircuitOperator
none_failed_min_one_success none_failed all_done one_success all_success
template_fields_renderers templates_dict op_kwargs op_args python_callable_name multiple_outputs
_expand_input_attr op_kwargs_expand_input partial_kwargs _is_mapped _disallow_kwargs_override value type
dict-of-lists list-of-dicts xcom_ref _needs_expansion _can_skip_downstream start_trigger_args
start_from_trigger map_index_template allow_nested_operators has_on_failure_callback has_on_success_callback
retry_exponential_backoff max_retry_delay execution_timeout depends_on_past wait_for_downstream
email_on_failure email_on_retry trigger_rule priority_weight weight_rule downstream pool default_pool queue
default executor_config retries owner airflow params description schema airflow.sdk.definitions.param.Param
airflow.models.param.Param source null string integer doc_md tags example access_control edge_info
example_dags /opt/airflow/dags _processor_dags_folder fileloc relative_fileloc default_args dag_display_name
max_consecutive_failed_dag_runs max_active_runs max_active_tasks disable_bundle_versioning
allowed_run_types deadline dag_dependencies is_paused_upon_creation render_template_as_native_obj
#40e0d0 #51ded9 #f0ede4 #ffefeb #e8f7e4 #f8f8f8 .sh .bash env cwd bash_command echo task_type _task_type
_task_module _logger_name _log_config_logger_name airflow.task.operators _operator_name _is_empty _is_sensor
retry_delay has_retry_policy template_ext template_fields ui_color ui_fgcolor #000 CornflowerBlue tooltip
group_display_name prefix_group_id is_mapped _group_id downstream_group_ids downstream_task_ids
upstream_group_ids upstream_task_ids operator timetable catchup start_date end_date UTC
""".split()
)


def compress(part: bytes, min_bytes: int = 128) -> bytes:
    """`part` in its wire form, compressed unless it is shorter than `min_bytes` or would not shrink."""
    if len(part) >= min_bytes:
        compressor = zlib.compressobj(_LEVEL, zdict=_DICTIONARY_1)
        packed = compressor.compress(part) + compressor.flush()
        if len(packed) < len(part):
            return _ZLIB_1 + packed
    return _PLAIN + part


def decompress(data: bytes, max_bytes: int) -> bytes:
    """The part in `data`. Never allocates more than `max_bytes` and a buffer of zlib's.

    Raises:
        FormatError: an unknown first byte, damaged data, or a part larger than `max_bytes`.
    """
    kind, payload = data[:1], data[1:]
    if kind == _PLAIN:
        if len(payload) > max_bytes:
            raise FormatError(f"part has {len(payload)} bytes, the limit is {max_bytes}")
        return payload
    if kind != _ZLIB_1:
        raise FormatError(f"compression {kind!r} is not known to this reader")
    decompressor = zlib.decompressobj(zdict=_DICTIONARY_1)
    try:
        part = decompressor.decompress(payload, max_bytes)
    except zlib.error as error:
        raise FormatError(f"compressed part is damaged: {error}") from error
    if decompressor.unconsumed_tail:
        raise FormatError(f"part is larger than the limit of {max_bytes} bytes")
    if not decompressor.eof or decompressor.unused_data:
        raise FormatError("compressed part is truncated, or bytes follow it")
    return part
