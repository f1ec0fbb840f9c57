"""`DagCache` on an SQLite database, in one process and its children."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

from sched_cache import Config, DagCache, PublishConflictError
from sched_cache.format import FORMAT_VERSION, compress, encode_dag
from sched_cache.store import Pointer
from sched_cache.store.redis.fake import open_fake_client
from tests.unit.dag_cache.conftest import edition_of, exit_status_of_child, sales


def effects(host: Engine) -> int:
    with host.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM effect")).scalar_one()


def write_effect(connection: Any) -> None:
    connection.execute(text("INSERT INTO effect VALUES ('run')"))


class TestOnSqlite:
    """The whole of it, nothing replaced."""

    def test_everything_in_the_order_of_a_days_work(self, config: Config) -> None:
        """The example of the documentation."""
        cache = DagCache.open(config)
        token = cache.token("sales")
        assert token == 0
        published = cache.publish("sales", sales(), token=token)
        assert published.changed
        assert published.version == published.parsed_seq == cache.token("sales")
        assert published.content_hash == encode_dag(sales()).content_hash
        with pytest.raises(PublishConflictError):
            cache.publish("sales", sales(2), token=token)

        assert edition_of(cache.get("sales", min_version=0)) == 1
        assert list(cache.get_many(["sales", "hr"]).values())[1] is None
        assert cache.certify().pointers == ()
        with cache.claim(limit=20) as claims:
            for claim in claims:
                assert edition_of(cache.get(claim.key, min_version=claim.version)) == 1
                assert claim.acknowledge()
        with cache.claim(limit=20) as claims:
            assert claims == []

        cache.delete("sales")
        assert cache.get("sales") is None
        assert cache.stats()["database"]["published"] == 2
        cache.close()

    def test_a_publication_of_the_hosts_transaction_is_there_when_the_host_commits(
        self, config: Config, host: Engine
    ) -> None:
        """And it is told when the caller says that it has committed."""
        with DagCache.open(config) as cache, DagCache.open(config) as scheduler:
            assert scheduler.get("sales") is None
            with host.begin() as connection:
                published = cache.publish("sales", sales(), connection=connection)
                write_effect(connection)
                assert scheduler.token("sales") == 0
                assert cache.floor("sales") is None
            cache.announce(published)
            assert cache.floor("sales") == Pointer(
                "sales", published.version, published.parsed_seq, published.content_hash
            )
            assert edition_of(scheduler.get("sales", published.version)) == 1
            assert effects(host) == 1

    def test_a_publication_goes_with_the_rollback_of_the_host(self, config: Config, host: Engine) -> None:
        with DagCache.open(config) as cache:
            with host.connect() as connection:
                cache.publish("sales", sales(), connection=connection)
                write_effect(connection)
                connection.rollback()
            assert (cache.token("sales"), effects(host)) == (0, 0)
            assert cache.get("sales") is None

    @pytest.mark.parametrize("is_committed", [True, False])
    def test_an_acknowledgement_shares_the_fate_of_the_hosts_transaction(
        self, config: Config, host: Engine, is_committed: bool
    ) -> None:
        with DagCache.open(config) as cache:
            published = cache.publish("sales", sales())
            with host.connect() as connection:
                write_effect(connection)
                assert cache.store.acknowledge(connection, "sales", published.parsed_seq)
                (connection.commit if is_committed else connection.rollback)()
            with cache.claim() as claims:
                assert (len(claims), effects(host)) == ((0, 1) if is_committed else (1, 0))

    def test_the_effect_and_the_acknowledgement_of_a_claim_are_one(
        self, config: Config, host: Engine
    ) -> None:
        """A block that raises leaves neither."""
        with DagCache.open(config) as cache:
            cache.publish("sales", sales())
            for error in (ValueError("the effect failed"), None):
                try:
                    with cache.claim() as claims:
                        write_effect(claims[0].connection)
                        claims[0].acknowledge()
                        if error:
                            raise error
                except ValueError:
                    assert effects(host) == 0
            assert effects(host) == 1
            with cache.claim() as claims:
                assert claims == []

    def test_a_redis_value_that_is_not_its_content_is_never_returned(self, config: Config) -> None:
        """It is counted, and replaced by what the database has."""
        redis = open_fake_client(config.redis_url.removeprefix("fake://"))  # type: ignore[union-attr]
        with DagCache.open(config) as processor, DagCache.open(config) as cache:
            published = processor.publish("sales", sales())
            name = f"{config.namespace}:{FORMAT_VERSION}:{published.content_hash}"
            right = redis.get(name)
            assert right is not None
            for wrong in (compress(encode_dag(sales(666)).hot), b"", right[:-1], b"\xff" * 100):
                redis.set(name, wrong)
                with DagCache.open(config) as other:
                    assert edition_of(other.get("sales")) == 1
                    assert edition_of(other.get_many(["sales", "hr"])["sales"]) == 1
                    assert other.stats()["redis"]["damaged"] == 1
                    assert other.stats()["database"]["contents_read"] == 1
                assert redis.get(name) == right
            assert edition_of(cache.get("sales")) == 1
            assert cache.stats()["database"]["contents_read"] == 0

    def test_a_forked_child_reads(self, config: Config) -> None:
        """The child reads contents of its parent, and contents that are published after the fork."""
        with DagCache.open(config) as cache:
            cache.publish("sales", sales())
            assert edition_of(cache.get("sales")) == 1

            def child() -> bool:
                inherited = edition_of(cache.get("sales")) == 1
                published = cache.publish("hr", sales(dag_id="hr"))
                return inherited and edition_of(cache.get("hr", published.version)) == 1

            assert exit_status_of_child(child) == 0
            cache.certify()
            assert edition_of(cache.get("hr")) == 1

    def test_a_block_closes_it(self, config: Config) -> None:
        """No thread of it is left."""
        before = threading.active_count()
        with DagCache.open(config) as cache:
            cache.get("sales")
            assert threading.active_count() > before
        assert threading.active_count() == before
