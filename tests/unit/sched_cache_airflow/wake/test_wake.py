"""One process: what it counts, and what becomes of it in a child."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing

import psycopg2
import pytest

from sched_cache.config import Config
from sched_cache.hints import Hints
from sched_cache.store.l2 import NoRedis
from sched_cache_airflow.settings.settings import Settings
from sched_cache_airflow.wake import postgresql, wake
from sched_cache_airflow.wake.wake import NONE, NOTIFY, REDIS, Wake
from tests.unit.sched_cache_airflow.wake.test_postgresql import plain, sender_to, wait_until


def make(redis_url: str | None = None, *, is_postgresql: bool = True, is_on: bool = True) -> Wake:
    settings = Settings(wake_schedulers=is_on, config=Config(redis_url=redis_url))
    hints = Hints(NoRedis(), lambda: None, lambda: None)
    return Wake(settings, hints, is_postgresql=is_postgresql, note=lambda reason, error: None)


def test_redis_comes_before_notify() -> None:
    assert make("redis://127.0.0.1/0").source == REDIS
    assert make().source == NOTIFY
    assert make(is_postgresql=False).source == NONE


@pytest.mark.parametrize("options", [{"is_on": False}, {"is_postgresql": False}], ids=["off", "no way"])
def test_nothing_is_opened_if_it_is_off_or_there_is_no_way(options: dict[str, bool]) -> None:
    process = make(None, **options)
    process.start()
    process.listen()
    process.tell()
    assert not process.transitions._listening
    assert process._subscription is None and process.teller._thread is None
    assert not process.hears()
    process.close()


def test_a_child_leaves_the_session_of_its_parent_open(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if objects are freed in the child; its counts are zero, and it is no scheduler."""
    opened: list[int] = []

    def open_one() -> object:
        opened.append(1)
        return psycopg2.connect(plain(postgres_url))

    def listener(channel: str, sender: Callable[[], str], on_heard: Callable[[], object]) -> object:
        return postgresql.NotifyListener(
            channel, sender, on_heard, open_connection=open_one, send=sender_to(postgres_url)
        )

    monkeypatch.setattr(wake, "NotifyListener", listener)
    process = make()
    process.listen()
    wait_until(process.hears)
    process.nap.counts["by_hint"] = process.teller.n_sent = process.transitions.n_noticed = 3
    child = os.fork()
    if not child:
        is_new = not any(process.counts().values()) and not process.hears() and not process._is_scheduler
        os._exit(0 if is_new else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    time.sleep(1.0)
    assert process.hears() and opened == [1]
    process.nap.loop_began(None)
    with closing(psycopg2.connect(plain(postgres_url))) as other, other, other.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, 'other')", (process._channel,))
    wait_until(process.nap._hinted.is_set)
    process.close()
