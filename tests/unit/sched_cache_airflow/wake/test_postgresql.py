"""Hints by LISTEN and NOTIFY, on a real server, with a session, without one, and with one that is cut."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from threading import Event
from typing import Any

import psycopg2
import pytest

from sched_cache_airflow.wake import postgresql
from sched_cache_airflow.wake.postgresql import NotifyListener, channel_name
from tests.support.servers import PgbouncerServer, PostgresServer

PATIENCE_SECONDS = 20.0
CHANNEL = channel_name("test")


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg2://", "postgresql://")


def sender_to(url: str) -> Callable[[str, str], None]:
    def send(channel: str, text: str) -> None:
        with closing(psycopg2.connect(plain(url))) as connection, connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", (channel, text))

    return send


def wait_until(is_true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


class Scheduler:
    """Counts the hints that it hears."""

    def __init__(self, url: str, *, listens_at: str = "", name: str = "me") -> None:
        self.n_heard = 0
        self.send = sender_to(url)
        self.opened: list[Any] = []
        self._url = listens_at or url
        self.listener = NotifyListener(
            CHANNEL, lambda: name, self._hear, open_connection=self._open, send=self.send
        )

    def _open(self) -> Any:
        self.opened.append(psycopg2.connect(plain(self._url)))
        return self.opened[-1]

    def _hear(self) -> None:
        self.n_heard += 1


@pytest.fixture
def make(postgres_url: str) -> Iterator[Callable[..., Scheduler]]:
    made: list[Scheduler] = []

    def make_one(url: str = postgres_url, **options: Any) -> Scheduler:
        made.append(Scheduler(url, **options))
        made[-1].listener.start()
        return made[-1]

    yield make_one
    for one in made:
        one.listener.close()
        for connection in one.opened:
            with suppress(psycopg2.Error):
                connection.close()


def test_a_hint_of_another_process_is_heard(make: Callable[..., Scheduler]) -> None:
    scheduler = make()
    wait_until(lambda: scheduler.listener.is_joined)
    scheduler.send(CHANNEL, "another")
    wait_until(lambda: scheduler.n_heard == 1)
    scheduler.send(CHANNEL, "me")
    scheduler.send(channel_name("other"), "another")
    scheduler.send(CHANNEL, "another")
    wait_until(lambda: scheduler.n_heard == 2)


def test_a_session_that_was_cut_is_opened_again(make: Callable[..., Scheduler]) -> None:
    scheduler = make()
    wait_until(lambda: scheduler.listener.is_joined)
    with closing(psycopg2.connect(plain(scheduler._url))) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", (scheduler.opened[0].get_backend_pid(),))
    wait_until(lambda: not scheduler.listener.is_joined)
    wait_until(lambda: scheduler.listener.is_joined)
    scheduler.send(CHANNEL, "another")
    wait_until(lambda: scheduler.n_heard == 1)


def test_behind_a_pooler_of_transactions_it_does_not_count_as_joined(
    make: Callable[..., Scheduler],
    postgres_server: PostgresServer,
    pgbouncer_server: PgbouncerServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(postgresql, "_PROOF_LIMIT_SECONDS", 1.0)
    name = postgres_server.create_database()
    url, pooled = postgres_server.url(name), pgbouncer_server.url(name)
    with caplog.at_level(logging.INFO, "sched_cache.airflow"):
        scheduler = make(url, listens_at=pooled)
        wait_until(lambda: "LISTEN" in caplog.text)
    assert not scheduler.listener.is_joined
    assert caplog.text.count("no hints by LISTEN") == 1


def test_a_server_that_is_away_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    tried = Event()
    calls: list[int] = []

    def refuse() -> Any:
        calls.append(1)
        if len(calls) > 1:
            tried.set()
        raise psycopg2.OperationalError("refused")

    listener = NotifyListener(CHANNEL, lambda: "me", lambda: None, open_connection=refuse)
    with caplog.at_level(logging.INFO, "sched_cache.airflow"):
        listener.start()
        assert tried.wait(PATIENCE_SECONDS)
        listener.close()
    assert caplog.text.count("no hints by LISTEN") == 1


@pytest.mark.parametrize("namespace", ["sched_cache", "a-b.c", 'quote"', "x" * 100, "ü"])
def test_every_namespace_has_a_channel(
    namespace: str, make: Callable[..., Scheduler], postgres_url: str
) -> None:
    channel = channel_name(namespace)
    assert len(channel.encode()) <= 63 and channel.replace("_", "a").isalnum()
    heard = Event()
    listener = NotifyListener(
        channel,
        lambda: "me",
        heard.set,
        open_connection=lambda: psycopg2.connect(plain(postgres_url)),
        send=sender_to(postgres_url),
    )
    listener.start()
    wait_until(lambda: listener.is_joined)
    sender_to(postgres_url)(channel, "another")
    assert heard.wait(PATIENCE_SECONDS)
    listener.close()
