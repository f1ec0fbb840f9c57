"""An old trigger function in Airflow's own database is a security error, on the page and for `doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from airflow.utils.session import create_session
from sqlalchemy import text

from tests.hosts.metadata_db import MetadataDb
from tests.hosts.subject import PLUGIN, Subject

COMMAND = "sched-cache airflow-trigger install"
OLD = """
CREATE TABLE sched_cache_written (id bigserial PRIMARY KEY, dag_version_id text);
CREATE FUNCTION sched_cache_written_note() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
    INSERT INTO sched_cache_written (dag_version_id) VALUES (NEW.dag_version_id::text); RETURN NULL;
END $$;
CREATE TRIGGER sched_cache_written AFTER INSERT OR UPDATE OR DELETE ON serialized_dag
FOR EACH ROW EXECUTE FUNCTION sched_cache_written_note()
"""

pytestmark = pytest.mark.parametrize("subject", [PLUGIN], ids=["plugin"], indirect=True)


@pytest.fixture
def old_trigger(subject: Subject, airflow_db: MetadataDb) -> Iterator[None]:
    if airflow_db.name != "postgresql":
        pytest.skip("only the function on PostgreSQL was open to it")
    with create_session(scoped=False) as session:
        session.execute(text(OLD))
    yield


def told() -> tuple[list[str], list[str]]:
    """(what doctor finds and advises about the trigger, what the page says)."""
    from sched_cache_airflow.hosts.airflow3.ui.overview_facts import read_overview
    from sched_cache_airflow.hosts.installed import host_process
    from sched_cache_airflow.reporting.doctor import examine
    from sched_cache_airflow.settings.host_settings import forget_settings

    forget_settings()  # what was read while the plugin was off
    examination = examine()
    assert examination is not None
    findings = [finding for finding in examination.later() if finding.what == "trigger"]
    assert not any(finding.is_well for finding in findings)
    rights = mock.Mock()
    rights.readable_dags.return_value = set()
    troubles = [
        trouble for trouble in read_overview(host_process(), rights).troubles if "function" in trouble
    ]
    return [f"{finding.found} {finding.advice}" for finding in findings], troubles


def test_an_old_function_is_a_security_error_until_it_is_replaced(old_trigger: None) -> None:
    """Both name the exact command, and the command does it."""
    from sched_cache_airflow.settings.host_settings import settings_of_host
    from sched_cache_airflow.triggers.trigger import install_trigger, remove_trigger

    for said in told():
        (words,) = said
        assert "security error" in words
        assert words.endswith(COMMAND)
    config = settings_of_host().config
    install_trigger(config)
    assert told() == ([], [])
    remove_trigger(config)
    assert told() == ([], [])


def test_the_command_for_another_role(old_trigger: None) -> None:
    """Where Airflow's own role may not replace the function: doctor has the whole URL, the page only the role."""
    with create_session(scoped=False) as session:
        session.execute(text("DROP ROLE IF EXISTS installer"))
        session.execute(text("CREATE ROLE installer SUPERUSER"))
        session.execute(text("ALTER FUNCTION sched_cache_written_note() OWNER TO installer"))
        session.execute(text("CREATE ROLE airflow_itself NOSUPERUSER"))
        session.execute(text("GRANT ALL ON ALL TABLES IN SCHEMA public TO airflow_itself"))
        session.execute(text("ALTER DATABASE airflow SET role = airflow_itself"))
    try:
        from airflow import settings

        assert settings.engine is not None
        settings.engine.dispose()
        (doctor,), (page,) = told()
    finally:
        with create_session(scoped=False) as session:
            session.execute(text("SET ROLE NONE"))
            session.execute(text("ALTER DATABASE airflow RESET role"))
            session.execute(text("DROP OWNED BY airflow_itself; DROP ROLE airflow_itself"))
            session.execute(text("DROP OWNED BY installer CASCADE; DROP ROLE installer"))
    assert f"{COMMAND} --database-url postgresql://installer@127.0.0.1:" in doctor
    assert page.endswith(f"{COMMAND} with a --database-url of that role or of a superuser")
    assert "127.0.0.1" not in page


def test_where_our_tables_are_elsewhere_it_is_to_be_removed(
    old_trigger: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The command to remove it works there, the one to install it says why it does not."""
    from sched_cache.cli import main
    from sched_cache_airflow.hosts.installed import host_process

    monkeypatch.setenv("AIRFLOW__SCHED_CACHE__DATABASE_URL", f"sqlite:///{tmp_path / 'own.db'}")
    host_process().uninstall()
    host_process().install()
    for said in told():
        (words,) = said
        assert words.endswith("sched-cache airflow-trigger remove")
    assert main(["airflow-trigger", "install"]) == 2
    assert main(["airflow-trigger", "remove"]) == 0
    assert told() == ([], [])
