"""The commands that work on a cache: a database in a file, and a Redis inside the process."""

from __future__ import annotations

import io
import json
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sched_cache import Config, DagCache
from sched_cache.format import FORMAT_VERSION, HotFields, encode_dag
from sched_cache.store.redis.fake import open_fake_client
from tests.support.command_line import Outcome, Run
from tests.support.format.documents import document, task

SEVERAL = 5


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that no other test has, named as an operator names it."""
    monkeypatch.setenv("SCHED_CACHE__DATABASE_URL", f"sqlite:///{tmp_path / 'dags.db'}")
    monkeypatch.setenv("SCHED_CACHE__REDIS_URL", f"fake://{tmp_path.name}")


@pytest.fixture
def redis(tmp_path: Path) -> Any:
    return open_fake_client(tmp_path.name)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """dag_0 to dag_4, each different."""
    paths = [tmp_path / f"dag_{number}.json" for number in range(SEVERAL)]
    for path in paths:
        rows = [task("extract", ["load"], bash_command=f"echo {path.stem}"), task("load")]
        path.write_text(json.dumps(document(rows, dag_id=path.stem, doc_md="# Doc")))
    return paths


@pytest.fixture
def published(run: Run, files: list[Path]) -> list[Path]:
    assert run("publish", *files).code == 0
    return files


@pytest.fixture
def refused_redis() -> str:
    """The URL of a port where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    return f"redis://127.0.0.1:{port}/0"


def values(outcome: Outcome) -> Any:
    """The output of a command with `--json`."""
    return json.loads(outcome.out)


def lines(outcome: Outcome) -> list[Any]:
    return [json.loads(line) for line in outcome.out.splitlines()]


def redis_key(path: Path) -> str:
    content_hash = encode_dag(json.loads(path.read_text())).content_hash
    return f"{Config().namespace}:{FORMAT_VERSION}:{content_hash}"


def damage(tmp_path: Path, column: str, key: str, data: bytes) -> None:
    """Overwrites one part in the database, behind the library's back."""
    connection = sqlite3.connect(tmp_path / "dags.db")
    with connection:
        statement = f"UPDATE sched_cache_content SET {column} = ? WHERE key = ?"
        assert connection.execute(statement, (data, key)).rowcount == 1
    connection.close()


class TestInitDb:
    def test_creates_the_tables_once(self, run: Run, tmp_path: Path) -> None:
        """A second time changes nothing."""
        first = run("init-db", "--json")
        assert (first.code, first.err) == (0, "")
        assert values(first)["table_prefix"] == "sched_cache_"
        connection = sqlite3.connect(tmp_path / "dags.db")
        found = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        connection.close()
        assert {f"sched_cache_{name}" for name in ("meta", "dag", "content", "acknowledged")} <= found
        assert run("init-db", "--json").out == first.out

    def test_says_for_people_what_it_did(self, run: Run, tmp_path: Path) -> None:
        outcome = run("init-db", "--database-url", f"sqlite:///{tmp_path / 'other.db'}")
        assert outcome.code == 0
        assert b"other.db: tables sched_cache_* are at schema version 1" in outcome.out

    @pytest.mark.parametrize(
        "url", ["nonsense", "oracle://u:secret@h/d", "sqlite://", "postgresql+nope://u:secret@h/d"]
    )
    def test_a_url_that_cannot_be_used_is_a_usage_error(self, run: Run, url: str) -> None:
        """One line, without the password."""
        outcome = run("init-db", "--database-url", url)
        assert (outcome.code, outcome.out) == (2, b"")
        assert outcome.err.startswith("sched-cache init-db: option database_url")
        assert outcome.err.count("\n") == 1
        assert "secret" not in outcome.err


class TestPublish:
    def test_tells_for_each_dag_what_is_current(self, run: Run, files: list[Path]) -> None:
        """Again unchanged: the same version."""
        first = lines(run("publish", *files, "--json"))
        assert [one["key"] for one in first] == [path.stem for path in files]
        assert all(one["changed"] for one in first)
        assert first[0]["content_hash"] == encode_dag(json.loads(files[0].read_text())).content_hash
        again = lines(run("publish", *files, "--json"))
        assert again == [one | {"changed": False} for one in first]
        signalled = lines(run("publish", files[0], "--signal", "--json"))
        assert signalled[0]["version"] == first[0]["version"]
        assert signalled[0]["parsed_seq"] > first[-1]["parsed_seq"]

    def test_shows_a_table_to_people(self, run: Run, files: list[Path]) -> None:
        outcome = run("publish", *files)
        rows = outcome.out.decode().splitlines()
        assert rows[0].split() == ["key", "version", "parsed_seq", "changed"]
        assert [row.split()[0] for row in rows[1:]] == [path.stem for path in files]

    def test_bad_files_are_named_and_the_others_published(
        self, run: Run, files: list[Path], tmp_path: Path
    ) -> None:
        bad = {"not.json": "{", "no_dag.json": "[]", "deep.json": "[" * 100_000, "nan.json": '{"dag": NaN}'}
        for name, content in bad.items():
            (tmp_path / name).write_text(content)
        outcome = run("publish", files[0], *(tmp_path / name for name in bad), files[1], "--json")
        assert outcome.code == 1
        assert [one["key"] for one in lines(outcome)] == ["dag_0", "dag_1"]
        reasons = outcome.err.splitlines()
        assert len(reasons) == len(bad)
        for name, reason in zip(bad, reasons, strict=True):
            assert reason.startswith(f"sched-cache publish: {tmp_path / name}: ")

    def test_a_file_that_cannot_be_read_is_named_too(
        self, run: Run, files: list[Path], tmp_path: Path
    ) -> None:
        """Exit code 2, as everywhere; the others are published."""
        outcome = run("publish", tmp_path / "none.json", files[0], "--json")
        assert outcome.code == 2
        assert [one["key"] for one in lines(outcome)] == ["dag_0"]
        assert f"{tmp_path / 'none.json'}: cannot be read" in outcome.err

    def test_a_key_that_cannot_be_stored_is_named_with_its_file(self, run: Run, files: list[Path]) -> None:
        outcome = run("publish", files[0], "--key", "k" * 251)
        assert outcome.code == 1
        assert f"{files[0]}: " in outcome.err
        assert "251 characters" in outcome.err

    def test_another_key_may_be_given_for_one_file(self, run: Run, files: list[Path]) -> None:
        assert lines(run("publish", files[0], "--key", "v2", "--json"))[0]["key"] == "v2"
        assert run("get", "v2").code == 0
        assert run("publish", *files, "--key", "v2").code == 2

    def test_a_dash_is_standard_input(
        self, run: Run, files: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(files[0].read_bytes())))
        assert lines(run("publish", "-", "--json"))[0]["key"] == "dag_0"

    def test_the_configured_hot_fields_are_hot(
        self, run: Run, files: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All nodes must agree on the content hash, and this is one of them."""
        monkeypatch.setenv("SCHED_CACHE__HOT_INCLUDE", "dag.doc_md")
        chosen = encode_dag(json.loads(files[0].read_text()), HotFields.choose(["dag.doc_md"], []))
        assert lines(run("publish", files[0], "--json"))[0]["content_hash"] == chosen.content_hash


class TestGet:
    def test_shows_what_a_scheduler_would_be_given(self, run: Run, published: list[Path], redis: Any) -> None:
        """And where it came from."""
        facts = values(run("get", "dag_0", "--json"))
        assert (facts["key"], facts["dag_id"], facts["tasks"]) == ("dag_0", "dag_0", 2)
        assert facts["loaded_from"] == "redis"
        assert facts["resident_bytes"] > 0
        redis.flushall()
        assert values(run("get", "dag_0", "--json")) == facts | {"loaded_from": "database"}
        assert values(run("get", "dag_0", "--json", "--redis-url", "none"))["loaded_from"] == "database"

    def test_shows_a_table_to_people(self, run: Run, published: list[Path]) -> None:
        outcome = run("get", "dag_0")
        assert outcome.code == 0
        assert ["loaded_from", "redis"] in [row.split() for row in outcome.out.decode().splitlines()]

    def test_gives_the_document_back(self, run: Run, published: list[Path]) -> None:
        for options in (["--document"], ["--document", "--json"]):
            assert values(run("get", "dag_0", *options)) == json.loads(published[0].read_text())

    def test_what_is_not_there_is_named(self, run: Run, published: list[Path]) -> None:
        outcome = run("get", "none")
        assert (outcome.code, outcome.out) == (1, b"")
        assert outcome.err == "sched-cache get: none: the database has no such DAG\n"

    def test_an_older_version_than_asked_for_is_an_error(self, run: Run, published: list[Path]) -> None:
        assert run("get", "dag_0", "--min-version", 1).code == 0
        outcome = run("get", "dag_0", "--min-version", 1000)
        assert (outcome.code, outcome.out) == (1, b"")
        assert "1000" in outcome.err

    def test_damage_is_an_error(self, run: Run, published: list[Path], tmp_path: Path, redis: Any) -> None:
        redis.flushall()
        damage(tmp_path, "hot", "dag_0", b"nonsense")
        outcome = run("get", "dag_0")
        assert (outcome.code, outcome.out) == (1, b"")
        assert "'dag_0'" in outcome.err


class TestWarm:
    def test_fills_what_is_missing_and_nothing_else(
        self, run: Run, published: list[Path], redis: Any
    ) -> None:
        """So after an interruption it goes on where it was."""
        redis.flushall()
        assert values(run("warm", "--json")) == {"already_there": 0, "written": SEVERAL, "failed": 0}
        assert all(redis.exists(redis_key(path)) for path in published)
        redis.delete(redis_key(published[1]), redis_key(published[3]))
        assert values(run("warm", "--json")) == {"already_there": SEVERAL - 2, "written": 2, "failed": 0}
        assert values(run("warm", "--json")) == {"already_there": SEVERAL, "written": 0, "failed": 0}
        assert values(run("get", "dag_1", "--json"))["loaded_from"] == "redis"

    def test_says_it_to_people(self, run: Run, published: list[Path]) -> None:
        outcome = run("warm")
        assert (outcome.code, outcome.out) == (0, b"5 already there, 0 written, 0 failed\n")

    def test_what_is_deleted_is_not_filled(self, run: Run, published: list[Path], redis: Any) -> None:
        with DagCache.open(Config.load()) as cache:
            cache.delete("dag_0")
        redis.flushall()
        assert values(run("warm", "--json"))["written"] == SEVERAL - 1

    def test_damage_is_not_spread(self, run: Run, published: list[Path], redis: Any, tmp_path: Path) -> None:
        """It is counted as failed, since Redis lacks the content afterwards."""
        redis.flushall()
        damage(tmp_path, "hot", "dag_0", b"nonsense")
        outcome = run("warm", "--json")
        assert outcome.code == 1
        assert values(outcome) == {"already_there": 0, "written": SEVERAL - 1, "failed": 1}
        assert not redis.exists(redis_key(published[0]))

    def test_without_redis_it_cannot_be_done(
        self, run: Run, published: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One inside the command's own process would be filled for nobody, so the default is none."""
        monkeypatch.delenv("SCHED_CACHE__REDIS_URL")
        outcome = run("warm")
        assert outcome.code == 2
        assert "--redis-url" in outcome.err

    def test_a_redis_that_refuses_is_told(self, run: Run, published: list[Path], refused_redis: str) -> None:
        outcome = run("warm", "--json", "--redis-url", refused_redis)
        assert outcome.code == 1
        assert values(outcome) == {"already_there": 0, "written": 0, "failed": SEVERAL}


class TestVerify:
    def test_finds_nothing_where_nothing_is_wrong(self, run: Run, published: list[Path], redis: Any) -> None:
        """A content that is missing in Redis is no difference."""
        redis.delete(redis_key(published[0]))
        outcome = run("verify", "--json")
        assert outcome.code == 0
        assert values(outcome) == {
            "dags": SEVERAL,
            "in_redis": SEVERAL - 1,
            "not_in_redis": 1,
            "redis_unavailable": 0,
            "differences": [],
        }

    def test_says_it_to_people(self, run: Run, published: list[Path], tmp_path: Path) -> None:
        outcome = run("verify")
        assert outcome.out.decode().splitlines()[-1] == "0 differences"
        damage(tmp_path, "hot", "dag_0", b"nonsense")
        outcome = run("verify")
        assert outcome.code == 1
        assert b"1 differences" in outcome.out
        assert b"dag_0" in outcome.out

    @pytest.mark.parametrize(
        ("column", "make"),
        [
            ("hot", lambda path: b"nonsense"),
            ("hot", lambda path: b""),
            ("hot", lambda path: encode_dag(document(["other"])).hot),
            ("cold", lambda path: b"nonsense"),
            ("cold", lambda path: encode_dag(document(["other"], doc_md="x")).cold),
        ],
    )
    def test_finds_planted_damage_in_the_database(
        self,
        run: Run,
        published: list[Path],
        tmp_path: Path,
        column: str,
        make: Callable[[Path], bytes],
    ) -> None:
        damage(tmp_path, column, "dag_2", make(published[2]))
        outcome = run("verify", "--json")
        assert outcome.code == 1
        [[key, where, what]] = values(outcome)["differences"]
        assert (key, where) == ("dag_2", "database")
        assert column in what

    def test_finds_and_removes_damage_in_redis(self, run: Run, published: list[Path], redis: Any) -> None:
        redis.set(redis_key(published[2]), b"nonsense")
        outcome = run("verify", "--json")
        assert outcome.code == 1
        assert [difference[:2] for difference in values(outcome)["differences"]] == [["dag_2", "redis"]]
        again = run("verify", "--json")
        assert (again.code, values(again)["not_in_redis"]) == (0, 1)

    def test_a_redis_that_refuses_is_counted(
        self, run: Run, published: list[Path], refused_redis: str
    ) -> None:
        """The database's copies are compared all the same."""
        outcome = run("verify", "--json", "--redis-url", refused_redis)
        assert outcome.code == 0
        assert (values(outcome)["dags"], values(outcome)["redis_unavailable"]) == (SEVERAL, SEVERAL)


class TestStats:
    def test_counts_what_is_published_and_fresh(self, run: Run, published: list[Path]) -> None:
        with DagCache.open(Config.load()) as cache:
            cache.delete("dag_0")
            with cache.claim(limit=2) as claims:
                for claim in claims:
                    claim.acknowledge()
        facts = values(run("stats", "--json"))
        assert (facts["dags"], facts["tombstones"], facts["fresh"]) == (SEVERAL - 1, 1, SEVERAL - 2)
        assert facts["counter"] == SEVERAL + 1
        assert facts["redis"] != "none"

    def test_a_redis_that_refuses_is_told(self, run: Run, published: list[Path], refused_redis: str) -> None:
        outcome = run("stats", "--json", "--redis-url", refused_redis)
        assert outcome.code == 0
        assert values(outcome)["redis"].startswith("unavailable: ")

    def test_shows_a_table_to_people(self, run: Run, published: list[Path]) -> None:
        outcome = run("stats", "--redis-url", "none")
        assert outcome.code == 0
        assert ["redis", "none"] in [row.split() for row in outcome.out.decode().splitlines()]

    def test_watching_shows_it_again_until_stopped(
        self, run: Run, published: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slept: list[float] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == 3:
                raise KeyboardInterrupt

        monkeypatch.setattr("sched_cache.cli.commands.stats.time.sleep", sleep)
        outcome = run("stats", "--watch", 2, "--json")
        assert (outcome.code, slept) == (130, [2.0, 2.0, 2.0])
        assert [facts["dags"] for facts in lines(outcome)] == [SEVERAL] * 3


class TestDoctor:
    def test_all_is_well(self, run: Run, published: list[Path]) -> None:
        outcome = run("doctor", "--json")
        findings = {finding["what"]: finding for finding in values(outcome)}
        assert outcome.code == 0
        assert all(finding["is_well"] for finding in findings.values())
        assert {"database", "certify", "fresh DAGs", "redis", "redis write", "redis channel"} <= set(findings)
        assert f"{SEVERAL} wait" in findings["fresh DAGs"]["found"]

    def test_leaves_nothing_behind(self, run: Run, published: list[Path], redis: Any) -> None:
        before = set(redis.keys("*"))
        run("doctor")
        assert set(redis.keys("*")) == before

    def test_a_redis_that_refuses_is_bad_and_there_is_advice(
        self, run: Run, published: list[Path], refused_redis: str
    ) -> None:
        """The other parts are still examined."""
        outcome = run("doctor", "--json", "--redis-url", refused_redis)
        assert outcome.code == 1
        findings = {finding["what"]: finding for finding in values(outcome)}
        assert findings["database"]["is_well"]
        assert not findings["redis"]["is_well"]
        assert refused_redis.split("/")[2] in findings["redis"]["found"]
        assert findings["redis"]["advice"]
        assert b"BAD" in run("doctor", "--redis-url", refused_redis).out

    @pytest.mark.parametrize(
        ("scheme", "path"), [("redis+cluster", ""), ("redis+sentinel", "/service"), ("rediss", "")]
    )
    def test_of_every_kind(
        self, run: Run, published: list[Path], refused_redis: str, scheme: str, path: str
    ) -> None:
        """The clients of redis-py fail in different ways, and some of them when they are made."""
        url = f"{scheme}://{refused_redis.split('/')[2]}{path}"
        outcome = run("doctor", "--json", "--redis-url", url)
        findings = {finding["what"]: finding for finding in values(outcome)}
        assert outcome.code == 1
        assert not findings["redis"]["is_well"]
        assert "check" in findings["redis"]["advice"]
        assert values(run("stats", "--json", "--redis-url", url))["redis"].startswith("unavailable: ")

    def test_passwords_are_not_shown(self, run: Run, published: list[Path], refused_redis: str) -> None:
        url = refused_redis.replace("redis://", "redis://user:secret@")
        outcome = run("doctor", "--redis-url", url)
        assert b"secret" not in outcome.out
        assert "secret" not in outcome.err

    def test_missing_tables_are_found_and_not_created(self, run: Run) -> None:
        """An examination changes nothing."""
        for _ in range(2):
            outcome = run("doctor", "--json")
            assert outcome.code == 3
            [finding] = [one for one in values(outcome) if one["is_off"]]
            assert finding["what"] == "database"
            assert "init-db" in finding["advice"]

    def test_without_redis_nothing_is_wrong(self, run: Run, published: list[Path]) -> None:
        outcome = run("doctor", "--json", "--redis-url", "none")
        assert outcome.code == 0
        assert "optional" in values(outcome)[-1]["advice"]


class TestDemo:
    def test_loses_no_signal(self, run: Run) -> None:
        figures = values(run("demo", "--dags", 20, "--seconds", 1, "--json"))
        assert figures["signals_lost"] == 0
        assert figures["dags"] == figures["dags_with_content"] == 20
        assert figures["editions_published"] >= 20
        assert figures["signals_handled"] >= 20
        assert figures["reads"] >= figures["hits_in_process"] > 0
        assert figures["staleness_p50_ms"] <= figures["staleness_p99_ms"] <= figures["staleness_bound_ms"]
        assert figures["compact_bytes"] < figures["json_bytes"]

    def test_shows_tables_to_people(self, run: Run) -> None:
        outcome = run("demo", "--dags", 3, "--seconds", 0.1)
        assert outcome.code == 0
        assert "signals lost" in outcome.out.decode()

    @pytest.mark.parametrize("options", [["--dags", 0], ["--dags", -1], ["--seconds", -1]])
    def test_a_cluster_of_nothing_is_a_usage_error(self, run: Run, options: list[object]) -> None:
        outcome = run("demo", "--seconds", 0.1, *options)
        assert outcome.code == 2
        assert str(options[0]) in outcome.err


@pytest.mark.parametrize("command", [["publish", "-"], ["get", "a"], ["warm"], ["verify"], ["stats"]])
def test_a_database_that_does_not_answer_is_one_line(
    run: Run, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1, and no trace of the program's insides."""
    dag = io.BytesIO(json.dumps(document(["a"])).encode())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(dag))
    monkeypatch.setenv("SCHED_CACHE__DATABASE_ATTEMPTS", "1")
    outcome = run(*command, "--database-url", f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}")
    assert (outcome.code, outcome.out) == (1, b"")
    assert outcome.err.startswith(f"sched-cache {command[0]}: ")
    assert outcome.err.count("\n") == 1


def test_an_unknown_option_in_the_environment_is_a_usage_error(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCHED_CACHE__REDIS_URI", "redis://u:secret@h")
    for command in (["init-db"], ["stats"], ["doctor"], ["warm"], ["verify"], ["get", "a"]):
        outcome = run(*command)
        assert outcome.code == 2
        assert "SCHED_CACHE__REDIS_URL" in outcome.err
        assert "secret" not in outcome.err
