"""The scratch database is an empty one, never that of Airflow, and only what was created there is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import Engine

from sched_cache_airflow.certification.scratch_database.scratch import PREFIX, Scratch, ScratchError


class Databases:
    """Two files: `metadata` is that of an Airflow."""

    def __init__(self, folder: Path) -> None:
        self.metadata_url, self.url = f"sqlite:///{folder}/airflow.db", f"sqlite:///{folder}/scratch.db"
        self.metadata, self.engine = create_engine(self.metadata_url), create_engine(self.url)
        with self.metadata.begin() as connection:
            connection.execute(text("CREATE TABLE dag_run (id INTEGER)"))

    def scratch(self) -> Scratch:
        return Scratch(self.url, self.metadata_url)

    def migrate(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(text("CREATE TABLE dag_run (id INTEGER PRIMARY KEY)"))
            connection.execute(text("CREATE TABLE ti (run INTEGER REFERENCES dag_run (id))"))
            connection.execute(text(f"CREATE TABLE {PREFIX}meta (id INTEGER)"))


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[Databases]:
    found = Databases(tmp_path)
    yield found
    found.metadata.dispose()
    found.engine.dispose()


def _tables(engine: Engine) -> list[str]:
    return sorted(inspect(engine).get_table_names())


def test_everything_that_was_created_is_dropped(databases: Databases) -> None:
    scratch = databases.scratch()
    scratch.claim(databases.metadata, resumes=False)
    scratch.create(databases.migrate)
    assert len(_tables(databases.engine)) == 4
    scratch.drop()
    assert _tables(databases.engine) == []
    assert _tables(databases.metadata) == ["dag_run"]


def test_a_table_that_appeared_meanwhile_stays(databases: Databases) -> None:
    scratch = databases.scratch()
    scratch.claim(databases.metadata, resumes=False)
    scratch.create(databases.migrate)
    with databases.engine.begin() as connection:
        connection.execute(text("CREATE TABLE of_another_program (id INTEGER)"))
    scratch.drop()
    assert _tables(databases.engine) == ["of_another_program"]


def test_the_metadata_database_is_refused_by_its_url(databases: Databases) -> None:
    databases.url = databases.metadata_url.replace("sqlite:", "sqlite+pysqlite:")
    with pytest.raises(ScratchError, match="is the metadata database"):
        databases.scratch()
    assert _tables(databases.metadata) == ["dag_run"]


def test_the_metadata_database_is_refused_behind_another_address(databases: Databases) -> None:
    """Nothing is left there, even if it was empty."""
    with databases.metadata.begin() as connection:
        connection.execute(text("DROP TABLE dag_run"))
    elsewhere = Scratch(databases.metadata_url, databases.url)
    with pytest.raises(ScratchError, match="by another address"):
        elsewhere.claim(databases.metadata, resumes=False)
    assert _tables(databases.metadata) == []


def test_a_database_that_is_not_empty_is_refused(databases: Databases) -> None:
    with databases.engine.begin() as connection:
        connection.execute(text("CREATE TABLE anything (id INTEGER)"))
    for resumes in (False, True):
        with pytest.raises(ScratchError, match=r"not empty.*anything"):
            databases.scratch().claim(databases.metadata, resumes=resumes)
    assert _tables(databases.engine) == ["anything"]


def test_a_claimed_one_can_only_be_resumed(databases: Databases) -> None:
    first = databases.scratch()
    first.claim(databases.metadata, resumes=False)
    first.create(databases.migrate)
    assert first.progress is None
    first.progress = {"n_loops": 3}
    with pytest.raises(ScratchError, match="--resume"):
        databases.scratch().claim(databases.metadata, resumes=False)
    second = databases.scratch()
    second.claim(databases.metadata, resumes=True)
    second.create(lambda: pytest.fail("created twice"))
    assert second.progress == {"n_loops": 3}
    second.drop()
    assert _tables(databases.engine) == []


def test_what_is_no_url_is_refused(databases: Databases) -> None:
    databases.url = "no url"
    with pytest.raises(ScratchError, match="ArgumentError"):
        databases.scratch()


@pytest.mark.parametrize("may_be_silent", [False, True])
def test_a_metadata_database_that_does_not_answer_is_refused_unless_none_is_needed(
    databases: Databases, tmp_path: Path, may_be_silent: bool
) -> None:
    """A certificate in a file can be made where Airflow's database cannot be reached."""
    (tmp_path / "no_database").mkdir()
    silent = create_engine(f"sqlite:///{tmp_path / 'no_database'}")
    scratch = databases.scratch()
    if may_be_silent:
        scratch.claim(silent, resumes=False, may_be_silent=True)
    else:
        with pytest.raises(ScratchError, match="did not answer"):
            scratch.claim(silent, resumes=False)
    silent.dispose()


def test_a_metadata_database_that_is_not_there_is_not_created(databases: Databases, tmp_path: Path) -> None:
    absent = create_engine(f"sqlite:///{tmp_path / 'absent.db'}")
    databases.scratch().claim(absent, resumes=False)
    absent.dispose()
    assert not (tmp_path / "absent.db").exists()
