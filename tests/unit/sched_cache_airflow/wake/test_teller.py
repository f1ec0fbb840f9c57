"""Messages are sent by a thread of their own, few of them, and no error of theirs reaches anybody."""

from __future__ import annotations

import itertools
import logging
import os
import time
from threading import Event

import pytest

from sched_cache_airflow.wake.teller import COALESCE_SECONDS, Teller

PATIENCE_SECONDS = 10.0


def wait_for(event: Event) -> None:
    assert event.wait(PATIENCE_SECONDS)


def test_a_message_is_sent_without_the_caller_waiting() -> None:
    may_end, has_begun = Event(), Event()

    def send() -> None:
        has_begun.set()
        wait_for(may_end)

    teller = Teller(send)
    began_at = time.monotonic()
    teller.tell()
    assert time.monotonic() - began_at < 1.0
    wait_for(has_begun)
    may_end.set()
    teller.close()


def test_many_transitions_share_messages() -> None:
    times: list[float] = []
    teller = Teller(lambda: times.append(time.monotonic()))
    until = time.monotonic() + 20 * COALESCE_SECONDS
    n_told = 0
    while time.monotonic() < until:
        teller.tell()
        n_told += 1
    time.sleep(2 * COALESCE_SECONDS)
    teller.close()
    assert n_told > len(times) > 1
    assert all(b - a >= COALESCE_SECONDS for a, b in itertools.pairwise(times))


def test_a_transition_during_a_message_has_a_message_of_its_own() -> None:
    """The first one may have been read before that commit."""
    second, sent = Event(), []

    def send() -> None:
        sent.append(1)
        if len(sent) == 1:
            teller.tell()
        else:
            second.set()

    teller = Teller(send)
    teller.tell()
    wait_for(second)
    teller.close()


def test_errors_are_said_once_until_it_works(caplog: pytest.LogCaptureFixture) -> None:
    done, calls = Event(), []

    def send() -> None:
        calls.append(1)
        if len(calls) < 4:
            raise RuntimeError("Redis is gone")
        done.set()

    teller = Teller(send)
    with caplog.at_level(logging.INFO, "sched_cache.airflow"):
        while not done.is_set():
            teller.tell()
            time.sleep(0.001)
    teller.close()
    assert sum("Redis is gone" in record.message for record in caplog.records) == 1
    assert teller.n_sent >= 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_child_sends_its_own() -> None:
    teller = Teller(lambda: os.write(end, b"x"))
    start, end = os.pipe()
    teller.tell()
    assert os.read(start, 1) == b"x"
    child = os.fork()
    if not child:
        teller.tell()
        time.sleep(PATIENCE_SECONDS)  # killed below
        os._exit(0)
    try:
        assert os.read(start, 1) == b"x"
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        teller.close()
        os.close(start)
        os.close(end)
