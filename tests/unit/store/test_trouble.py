from __future__ import annotations

import logging

import pytest

from sched_cache.store.trouble import Trouble
from tests.support.clock import ManualClock

logger = logging.getLogger("sched_cache.test")


def test_is_said_when_it_begins_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    """Once each, the second with how long it took and how often it was met."""
    caplog.set_level(logging.INFO, logger.name)
    clock = ManualClock()
    trouble = Trouble(clock, logger, "it works again")
    for _ in range(5):
        trouble.seen()
        trouble.begin("it is broken")
        clock.now += 2
    assert trouble.is_known
    for _ in range(5):
        trouble.calm()
    assert not trouble.is_known
    assert caplog.messages == ["it is broken", "it works again (after 10 s, 5 failed calls)"]


def test_is_not_over_while_some_calls_still_fail(caplog: pytest.LogCaptureFixture) -> None:
    """An answer in between does not end it."""
    clock = ManualClock()
    trouble = Trouble(clock, logger, "it works again")
    trouble.begin("it is broken")
    for _ in range(20):
        clock.now += 0.6
        trouble.calm()
        trouble.seen()
    assert trouble.is_known
    assert caplog.messages == ["it is broken"]


def test_one_that_comes_and_goes_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Two seconds broken, two seconds well, for an hour."""
    caplog.set_level(logging.INFO, logger.name)
    clock = ManualClock()
    trouble = Trouble(clock, logger, "it works again")
    for _ in range(900):
        for _ in range(2):
            trouble.begin("it is broken")
            clock.now += 1
        for _ in range(2):
            clock.now += 1
            trouble.calm()
    assert len(caplog.messages) < 10


def test_child_knows_of_none() -> None:
    """Also when the lock was held."""
    trouble = Trouble(ManualClock(), logger, "it works again")
    trouble.begin("it is broken")
    trouble._lock.acquire()
    trouble.reset_after_fork()
    assert not trouble.is_known
    trouble.calm()
