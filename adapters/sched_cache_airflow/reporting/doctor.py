"""Entry point `sched_cache.doctor`: the findings of `sched-cache doctor` where Airflow is installed."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from sqlalchemy import Table, inspect
from sqlalchemy.exc import SQLAlchemyError

from sched_cache.cli.database_examination import missing_rights
from sched_cache.cli.examination import Examination, Finding
from sched_cache.config import Config
from sched_cache.errors import SchedCacheError
from sched_cache.store.sql.failures import Failure, failure_of, mapped_errors
from sched_cache_airflow.certificates.table import certificate_table
from sched_cache_airflow.host_database.connections import as_host_connects
from sched_cache_airflow.host_database.transactions import host_engine
from sched_cache_airflow.releases import WORKS_WITHOUT_THE_PLUGIN, host_version, release_of, supported
from sched_cache_airflow.reporting.live_jobs import AliveJob, alive_jobs
from sched_cache_airflow.reporting.process_words import describe, is_in_trouble, title
from sched_cache_airflow.reporting.tried_installation import try_installation
from sched_cache_airflow.settings.host_settings import host_schema, section_of_host, settings_of_host
from sched_cache_airflow.settings.settings import CORE_OPTIONS, OWN_OPTIONS, SECTION, Settings
from sched_cache_airflow.sharing.written_table import written_dag_table, written_table
from sched_cache_airflow.triggers.security import trigger_weaknesses

_ENTRY_POINTS = ("airflow.policy", "airflow.plugins")


def examine() -> Examination | None:
    """Host, entry points and options; later the processes. None if Airflow is not installed."""
    if importlib.util.find_spec("airflow") is None:
        return None
    host = _host()
    if host.is_off or not host.is_well:
        return Examination(None, [host])
    findings = [host, *_entry_points()]
    from airflow.configuration import conf

    settings = settings_of_host()
    findings += _options(conf, settings)
    if settings.enabled:
        findings += try_installation()
    if any(finding.is_off for finding in findings) or not findings[-1].is_well:
        return Examination(None, findings, tables=_tables)
    # A wrong option switches off one part: the rest is in use, and is examined.
    config, connect = as_host_connects(settings.config)
    return Examination(config, findings, lambda: list(_processes(conf, settings)), connect, _tables)


def _tables(config: Config) -> list[Table]:
    """The table of certificates, and that of written versions of the release that is installed."""
    is_airflow_2 = (host_version() or "").startswith("2.")
    written = written_dag_table(config) if is_airflow_2 else written_table(config)
    return [certificate_table(config), written]


def _host() -> Finding:
    version = host_version()
    if version is None:
        return Finding(
            "airflow", False, "importable, but not installed as a distribution", "install apache-airflow"
        )
    if release_of(version) is None:
        advice = f"install a supported release, or continue without the plugin: {WORKS_WITHOUT_THE_PLUGIN}"
        return Finding("airflow", True, f"{version}: supported are {supported()}", advice, is_off=True)
    return Finding("airflow", True, f"{version}, supported")


def _entry_points() -> Iterator[Finding]:
    for group in _ENTRY_POINTS:
        found = [entry.value for entry in metadata.entry_points(group=group) if entry.name == "sched_cache"]
        advice = "" if found else "install sched-cache with pip in the environment that runs Airflow"
        yield Finding(group, bool(found), found[0] if found else "not registered", advice)


def _options(conf: Any, settings: Settings) -> Iterator[Finding]:
    options = {**OWN_OPTIONS, **CORE_OPTIONS}
    advice = f"correct [{SECTION}] in airflow.cfg or the environment, and restart the processes that read it"
    for wrong in settings.wrong:
        yield Finding(f"option {wrong.name}", False, str(wrong), advice)
    is_wrong = {wrong.name for wrong in settings.wrong}
    named = section_of_host().keys() - is_wrong
    for name in sorted({"enabled", *named} - is_wrong, key=lambda name: (name != "enabled", name)):
        owner = settings if name in OWN_OPTIONS else settings.config
        shown = options[name].kind.show(getattr(owner, name))
        is_off = name == "enabled" and not settings.enabled
        advice = (
            f"set AIRFLOW__{SECTION.upper()}__ENABLED=True for every process, and restart them"
            if is_off
            else ""
        )
        yield Finding(
            f"option {name}", True, f"{shown}, {_source(conf, name, name in named)}", advice, is_off
        )


def _source(conf: Any, name: str, is_named: bool) -> str:
    if not is_named:
        return "the default"
    variable = f"AIRFLOW__{SECTION}__{name}".upper()
    for suffix in ("", "_CMD", "_SECRET"):
        if variable + suffix in os.environ:
            return f"from {variable}{suffix}"
    return "from airflow.cfg"


def _processes(conf: Any, settings: Settings) -> Iterator[Finding]:
    """Whether the plugin is active in each running process; if not, the reason."""
    try:
        with host_engine().connect() as connection:
            has_host_tables = inspect(connection).has_table("job")
    except (SchedCacheError, SQLAlchemyError) as error:
        yield Finding("metadata database", False, type(error).__name__, "does `airflow db check` succeed?")
        return
    if not has_host_tables:
        found = "it has no tables of Airflow yet"
        yield Finding("metadata database", True, found, "run `airflow db migrate`", is_off=True)
        return
    yield from _host_tables(settings)
    reports = _reports(settings)
    if isinstance(reports, Finding):
        yield reports
        return
    for facts, seconds_ago in reports:
        found, advice = describe(facts, seconds_ago)
        yield Finding(title(facts), not is_in_trouble(facts), found, advice, is_off=not facts.get("is_on"))
    try:
        jobs = alive_jobs(conf, host_engine())
    except SchedCacheError as error:
        yield Finding("jobs of Airflow", False, str(error), "check [database] sql_alchemy_conn")
        return
    silent = without_report(jobs, [facts for facts, _ in reports])
    for job in silent:
        yield Finding(
            f"{job.component} on {job.host}",
            False,
            f"job {job.id} runs, but does not report",
            "check that sched-cache is installed and switched on there, and restart it; its log has the reason",
        )
    if not reports and not silent:
        yield Finding("processes", True, "none runs", "start Airflow", is_off=True)


def _host_tables(settings: Settings) -> Iterator[Finding]:
    """Our tables in the metadata database that the host's own transactions write to, and the trigger."""
    try:
        with mapped_errors(), host_engine().begin() as connection:
            for table in (written_table(settings.config), written_dag_table(settings.config)):
                if not inspect(connection).has_table(table.name, table.schema):
                    continue
                missing = missing_rights(connection, table)
                if missing:
                    found = f"no {', '.join(missing)} on {table.fullname}"
                    yield Finding("rights", False, found, "grant Airflow's user all four on this table")
            weaknesses = trigger_weaknesses(connection, settings.config, host_schema())
    except (SchedCacheError, SQLAlchemyError) as error:
        kind = failure_of(error)
        advice = (
            kind.value if kind in (Failure.FOREIGN, Failure.READ_ONLY) else "does `airflow db check` succeed?"
        )
        yield Finding("metadata database", False, f"{type(error).__name__}: {error}", advice)
        return
    for weakness in weaknesses:
        url = f" --database-url {weakness.url}" if weakness.url else ""
        yield Finding("trigger", False, weakness.found, f"run: {weakness.command}{url}")


def _reports(settings: Settings) -> list[tuple[dict[str, Any], float]] | Finding:
    from sched_cache_airflow.reporting.reports import recent_reports

    if not settings.process_report_seconds:
        advice = "it is 0: set [sched_cache] process_report_seconds"
        return Finding("processes", True, "they do not report", advice, is_off=True)
    try:
        return recent_reports(settings)
    except SchedCacheError as error:
        return Finding("processes", True, f"no reports: {error}", "see `database` above", is_off=True)


def without_report(jobs: list[AliveJob], reports: list[dict[str, Any]]) -> list[AliveJob]:
    """The jobs without a report of the same component and host. Several jobs may run on one host."""
    reported = [(str(facts.get("component")), str(facts.get("host"))) for facts in reports]
    silent = []
    for job in jobs:
        who = (job.component, job.host)
        if who in reported:
            reported.remove(who)
        else:
            silent.append(job)
    return silent
