"""A role that may write DAGs on PostgreSQL cannot come to run code in the name of another through our trigger.

Each attack is carried out by a role of its own, with what it would have run as the other role: making itself a
superuser. The host's tables belong to the superuser unless the test says otherwise.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import DBAPIError

from sched_cache.config import Config
from sched_cache.errors import StoreUnavailableError
from sched_cache_airflow.sharing.written_table import written_table
from sched_cache_airflow.triggers import command as trigger_command
from sched_cache_airflow.triggers.postgresql import PostgresqlTrigger, TriggerFunction
from sched_cache_airflow.triggers.trigger import install_trigger, remove_trigger

HOST_TABLES = (
    "CREATE TABLE {schema}dag (dag_id text PRIMARY KEY)",
    "CREATE TABLE {schema}dag_version (id uuid PRIMARY KEY, dag_id text)",
    "CREATE TABLE {schema}serialized_dag (dag_version_id uuid, dag_hash text)",
    "INSERT INTO {schema}serialized_dag VALUES ('00000000-0000-0000-0000-000000000001', 'old')",
)
WRITE = "UPDATE serialized_dag SET dag_hash = dag_hash || 'x'"
OLD_FUNCTION = """
CREATE FUNCTION sched_cache_written_note() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO sched_cache_written (dag_version_id) VALUES (NEW.dag_version_id::text);
    RETURN NULL;
EXCEPTION WHEN undefined_table THEN
    RETURN NULL;
END $$
"""
OLD_TRIGGER = (
    "CREATE TRIGGER sched_cache_written AFTER INSERT OR UPDATE OR DELETE ON serialized_dag "
    "FOR EACH ROW EXECUTE FUNCTION sched_cache_written_note()"
)


@dataclass
class Site:
    """A database with the host's tables, and the role `low`, which may read and write DAGs and no more.

    config: of the superuser. owner: a role without rights that others can be made owner of things.
    """

    config: Config
    low: str
    owner: str
    superuser: Engine
    attacker: Engine

    def run(self, *statements: str) -> None:
        run(self.superuser, *statements)

    def attack(self, *statements: str) -> None:
        """As `low`, in one session. What it may not do, it does not."""
        with self.attacker.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                try:
                    connection.exec_driver_sql(statement)
                except DBAPIError:
                    continue

    def is_taken_over(self) -> bool:
        query = f"SELECT rolsuper FROM pg_roles WHERE rolname = '{self.low}'"
        with self.superuser.connect() as connection:
            return bool(connection.execute(text(query)).scalar_one())

    def evil(self, table: str, schema: str = "pg_temp") -> tuple[str, ...]:
        """A trigger on `table` that makes `low` a superuser as soon as another role runs it."""
        return (
            f"CREATE FUNCTION {schema}.evil() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN EXECUTE 'ALTER ROLE {self.low} SUPERUSER'; RETURN NEW; END $$",
            f"CREATE TRIGGER evil BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {schema}.evil()",
        )

    def functions(self) -> list[TriggerFunction]:
        with self.superuser.begin() as connection:
            return PostgresqlTrigger(connection, written_table(self.config)).functions()

    def n_noted(self, table: str = "sched_cache_written") -> int:
        with self.superuser.connect() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())

    def old_installation(self) -> None:
        """As earlier releases left it."""
        self.run(
            "CREATE TABLE sched_cache_written (id bigserial PRIMARY KEY, dag_version_id text)",
            OLD_FUNCTION,
            OLD_TRIGGER,
        )


@pytest.fixture
def site(postgres_url: str) -> Iterator[Site]:
    low, owner = (f"{word}_{uuid4().hex[:12]}" for word in ("low", "owner"))
    superuser = create_engine(postgres_url)
    attacker = create_engine(make_url(postgres_url).set(username=low))
    run(
        superuser,
        f"CREATE ROLE {low} LOGIN",
        f"CREATE ROLE {owner} LOGIN",
        *(statement.format(schema="") for statement in HOST_TABLES),
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON serialized_dag TO {low}",
    )
    yield Site(Config(database_url=postgres_url, redis_url=None), low, owner, superuser, attacker)
    attacker.dispose()
    run(superuser, *(f"DROP OWNED BY {role} CASCADE" for role in (low, owner)))
    run(superuser, *(f"DROP ROLE {role}" for role in (low, owner)))
    superuser.dispose()


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def a_temporary_table(site: Site) -> None:
    site.attack(
        "CREATE TEMP TABLE sched_cache_written (id serial, dag_version_id text)",
        *site.evil("sched_cache_written"),
        "GRANT ALL ON sched_cache_written TO PUBLIC",
        "GRANT ALL ON sched_cache_written_id_seq TO PUBLIC",
        WRITE,
    )


def a_temporary_host_table(site: Site) -> None:
    """The function's own look at its table finds the temporary one instead, if it may."""
    site.attack(
        "CREATE TEMP TABLE sched_cache_written (id serial, dag_version_id text)",
        *site.evil("sched_cache_written"),
        "GRANT ALL ON sched_cache_written TO PUBLIC",
        "GRANT ALL ON sched_cache_written_id_seq TO PUBLIC",
        "CREATE TEMP TABLE serialized_dag (dag_version_id uuid, dag_hash text)",
        "CREATE TRIGGER own AFTER INSERT ON serialized_dag FOR EACH ROW EXECUTE FUNCTION "
        "public.sched_cache_written_note()",
        "INSERT INTO serialized_dag VALUES (NULL, 'h')",
    )


def a_cast_of_its_own(site: Site) -> None:
    site.attack(
        "CREATE TYPE pg_temp.odd AS (n int)",
        f"CREATE FUNCTION pg_temp.to_text(pg_temp.odd) RETURNS text LANGUAGE plpgsql AS "
        f"$$ BEGIN EXECUTE 'ALTER ROLE {site.low} SUPERUSER'; RETURN 'x'; END $$",
        "CREATE CAST (pg_temp.odd AS text) WITH FUNCTION pg_temp.to_text(pg_temp.odd) AS ASSIGNMENT",
        "CREATE TEMP TABLE mine (dag_version_id pg_temp.odd, dag_hash text)",
        "CREATE TRIGGER own AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION public.sched_cache_written_note()",
        "INSERT INTO mine VALUES (ROW(1), 'h')",
    )


def a_table_made_again(site: Site) -> None:
    """Ours was dropped, and everybody may create tables, as in every database older than PostgreSQL 15."""
    site.run("DROP TABLE sched_cache_written", "GRANT CREATE ON SCHEMA public TO PUBLIC")
    site.attack(
        "CREATE TABLE sched_cache_written (id serial, dag_version_id text)",
        *site.evil("sched_cache_written", "public"),
        "GRANT ALL ON sched_cache_written TO PUBLIC",
        "GRANT ALL ON sched_cache_written_id_seq TO PUBLIC",
        WRITE,
    )
    site.run(WRITE)


def the_right_to_triggers(site: Site) -> None:
    """Everything was granted on all tables of ours that there are."""
    site.run("GRANT CREATE ON SCHEMA public TO PUBLIC")
    site.attack(*site.evil("sched_cache_written", "public"), WRITE)


ATTACKS = [a_temporary_table, a_temporary_host_table, a_cast_of_its_own, a_table_made_again]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_writer_stays_what_it_is(site: Site, attack: Callable[[Site], None]) -> None:
    """This holds for any object that the writer creates to deceive the trigger."""
    install_trigger(site.config)
    attack(site)
    assert not site.is_taken_over()


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_attacks_work_on_what_earlier_releases_installed(
    site: Site, attack: Callable[[Site], None]
) -> None:
    """Else the tests above show nothing."""
    site.old_installation()
    attack(site)
    assert site.is_taken_over()


def test_notices_of_the_writer_arrive(site: Site) -> None:
    """It needs no rights on our table; that it has a temporary one of the same name does not matter."""
    install_trigger(site.config)
    a_temporary_table(site)
    assert site.n_noted() == 1


def test_installing_replaces_an_old_function_and_all_that_runs_it(site: Site) -> None:
    """A trigger that somebody attached it to ends with it."""
    site.old_installation()
    site.attack(
        "CREATE TEMP TABLE mine (dag_version_id uuid, dag_hash text)",
        "CREATE TRIGGER own AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION public.sched_cache_written_note()",
    )
    (old,) = site.functions()
    assert "search path" in old.weakness
    assert old.triggers == ["sched_cache_written"]
    install_trigger(site.config)
    (new,) = site.functions()
    assert new.weakness == ""
    assert new.triggers == ["sched_cache_written"]
    site.run(WRITE)
    assert site.n_noted() == 1


def test_an_old_function_of_another_prefix_goes_too(site: Site) -> None:
    """The option may have been changed since; `remove` finds it as well."""
    site.old_installation()
    renamed = replace(site.config, table_prefix="other_")
    install_trigger(renamed)
    assert [function.name for function in site.functions()] == ["other_written_note"]
    assert remove_trigger(site.config) == ["other_written"]
    assert site.functions() == []


def test_a_table_of_another_role_is_refused(site: Site) -> None:
    """It may run its owner's code: nothing is installed."""
    site.run("GRANT CREATE ON SCHEMA public TO PUBLIC")
    site.attack(
        "CREATE TABLE sched_cache_written (id serial, dag_version_id text)",
        *site.evil("sched_cache_written", "public"),
    )
    with pytest.raises(StoreUnavailableError, match=f"belongs to the role {site.low}"):
        install_trigger(site.config)
    assert site.functions() == []


def test_a_table_with_triggers_is_refused(site: Site) -> None:
    """Even one of the right owner: its triggers may be another role's."""
    install_trigger(site.config)
    site.run(
        "CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER added BEFORE INSERT ON sched_cache_written FOR EACH ROW EXECUTE FUNCTION other()",
    )
    with pytest.raises(StoreUnavailableError, match="has triggers or rules: added"):
        install_trigger(site.config)


def test_rights_that_were_granted_on_everything_are_taken_back(site: Site) -> None:
    """Default privileges hand them out when a table or function is made."""
    for kind in ("TABLES", "FUNCTIONS"):
        site.run(f"ALTER DEFAULT PRIVILEGES GRANT ALL ON {kind} TO {site.low}")
    try:
        install_trigger(site.config)
    finally:
        for kind in ("TABLES", "FUNCTIONS"):
            site.run(f"ALTER DEFAULT PRIVILEGES REVOKE ALL ON {kind} FROM {site.low}")
    assert [function.weakness for function in site.functions()] == [""]
    the_right_to_triggers(site)
    site.run(WRITE)
    assert not site.is_taken_over()


def test_rights_that_were_granted_later_are_found(site: Site) -> None:
    """And installing again takes them back."""
    install_trigger(site.config)
    site.run(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {site.low}")
    assert "triggers on the table" in site.functions()[0].weakness
    install_trigger(site.config)
    assert site.functions()[0].weakness == ""


def test_a_superuser_lends_its_rights_to_nobody(site: Site) -> None:
    """The installed objects belong to the owner of the host's tables, which could put a trigger on our table."""
    tables = ("dag", "dag_version", "serialized_dag")
    site.run(
        f"GRANT CREATE ON SCHEMA public TO {site.owner}",
        *(f"ALTER TABLE {table} OWNER TO {site.owner}" for table in tables),
    )
    install_trigger(site.config)
    assert [function.owner for function in site.functions()] == [site.owner]
    with site.superuser.connect() as connection:
        owner = connection.execute(
            text("SELECT tableowner FROM pg_tables WHERE tablename = 'sched_cache_written'")
        ).scalar_one()
    assert owner == site.owner
    site.attack(WRITE)
    assert site.n_noted() == 1


def test_a_role_that_may_not_is_told_which_may(site: Site) -> None:
    """Nothing is changed."""
    url = make_url(site.config.database_url).set(username=site.low).render_as_string(hide_password=False)
    as_low = replace(site.config, database_url=url)
    with pytest.raises(StoreUnavailableError, match="serialized_dag belongs to the role postgres"):
        install_trigger(as_low)
    site.old_installation()
    for act in (install_trigger, remove_trigger):
        with pytest.raises(StoreUnavailableError, match="belongs to the role postgres"):
            act(as_low)
    assert len(site.functions()) == 1


@pytest.mark.parametrize("schema", ["order", "Mixed-Case", 'quo"te', "per%cent", "a'b\\c", "$x$"])
def test_names_are_quoted(site: Site, schema: str) -> None:
    """Reserved, mixed, and with every character that means something to SQL or to a driver."""
    quoted = '"' + schema.replace('"', '""') + '"'
    with site.superuser.begin() as connection:
        for statement in (
            f"CREATE SCHEMA {quoted}",
            *(table.format(schema=f"{quoted}.") for table in HOST_TABLES),
            f"ALTER ROLE {site.owner} SUPERUSER",
            f"ALTER ROLE {site.owner} SET search_path = {quoted}",
        ):
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    url = make_url(site.config.database_url).set(username=site.owner)
    config = replace(
        site.config, database_url=url.render_as_string(hide_password=False), table_prefix="sc_order_"
    )
    assert install_trigger(config) == ["sc_order_written"]
    engine = create_engine(url)
    run(engine, WRITE)
    with engine.connect() as connection:
        assert connection.execute(text('SELECT count(*) FROM "sc_order_written"')).scalar_one() == 1
    assert remove_trigger(config) == ["sc_order_written"]
    engine.dispose()


def test_a_locked_table_keeps_a_writer_for_a_moment(site: Site) -> None:
    """Once a transaction, however many rows it writes; the writer's own settings are as they were."""
    install_trigger(site.config)
    site.run("INSERT INTO serialized_dag SELECT gen_random_uuid(), 'old' FROM generate_series(1, 500)")
    with site.superuser.connect() as other, other.begin():
        other.execute(text("LOCK TABLE sched_cache_written IN ACCESS EXCLUSIVE MODE"))
        with site.superuser.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = '10s'; SET LOCAL lock_timeout = '7s'"))
            connection.execute(text(WRITE))
            assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "7s"
            assert connection.execute(text("SHOW search_path")).scalar_one() == '"$user", public'
    with site.superuser.connect() as connection:
        changed = connection.execute(text("SELECT count(*) FROM serialized_dag WHERE dag_hash = 'oldx'"))
        assert changed.scalar_one() == 501


def test_what_goes_wrong_in_it_stays_in_it(site: Site) -> None:
    """A constraint that a site added to our table, say. The write is the host's."""
    install_trigger(site.config)
    site.run("ALTER TABLE sched_cache_written ADD CHECK (dag_version_id IS NULL)", WRITE)
    with site.superuser.connect() as connection:
        assert connection.execute(text("SELECT dag_hash FROM serialized_dag")).scalar_one() == "oldx"


def test_the_command_says_what_it_replaced(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.old_installation()
    parser = argparse.ArgumentParser()
    trigger_command.add_arguments(parser)
    assert (
        trigger_command.run(parser.parse_args(["install", "--database-url", site.config.database_url])) == 0
    )
    assert "installed sched_cache_written" in capsys.readouterr().out
