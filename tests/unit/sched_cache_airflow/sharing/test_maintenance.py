"""The thread that publishes for its process: what wakes it, what it survives, and that nobody waits for it."""

from __future__ import annotations

import subprocess
import sys
import time
from threading import Event

import pytest

from sched_cache.errors import StoreUnavailableError
from sched_cache_airflow.sharing.maintenance import Maintenance

_EXITING = """
import sys, time
from threading import Event
from sched_cache_airflow.sharing.maintenance import Maintenance

begun = Event()

def publish(is_own):
    begun.set()
    while True:
        time.sleep({pause})

maintenance = Maintenance(lambda: None, publish, lambda: None, lambda: None)
maintenance.wake()
assert begun.wait(60)
{end}
"""


@pytest.mark.parametrize("pause", ["0.0001", "600"], ids=["busy", "waiting"])
@pytest.mark.parametrize(("end", "code"), [("", 0), ("sys.exit(3)", 3), ("raise SystemExit", 0)])
def test_a_process_ends_while_its_thread_works(pause: str, end: str, code: int) -> None:
    """At once, with the host's own status and without a word."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _EXITING.format(pause=pause, end=end)],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")
    assert time.monotonic() - started < 120


_FORKED = """
import multiprocessing, time
from sched_cache_airflow.sharing.maintenance import Maintenance

done = multiprocessing.get_context("fork").Value("i", 0)

def publish(is_own):
    time.sleep({seconds})
    done.value += 1

maintenance = Maintenance(lambda: None, publish, lambda: None, lambda: None)
child = multiprocessing.get_context("fork").Process(target=maintenance.wake)
started = time.monotonic()
child.start()
child.join()
print(child.exitcode, done.value, time.monotonic() - started < 120)
"""


@pytest.mark.parametrize(("seconds", "is_done"), [("0.1", 1), ("600", 0)], ids=["short", "long"])
def test_a_child_that_parses_one_file_waits_a_moment_for_it(seconds: str, is_done: int) -> None:
    """It lives for this one piece of work: what it wrote is published, unless that takes too long."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _FORKED.format(seconds=seconds)],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (["0", str(is_done), "True"], "")


def test_errors_are_left_for_the_next_round(caplog: pytest.LogCaptureFixture) -> None:
    """A database that is away is no news; what nobody expected is logged, and the thread goes on."""
    errors: list[Exception] = [
        StoreUnavailableError("away"),
        RuntimeError("unexpected"),
        StoreUnavailableError("away"),
        RuntimeError("unexpected"),
    ]
    rounds = []

    def publish(is_own: bool) -> None:
        rounds.append(is_own)
        if errors:
            raise errors.pop(0)

    maintenance = Maintenance(lambda: None, publish, lambda: None, lambda: None)
    with caplog.at_level("WARNING", "sched_cache.airflow"):
        for _ in range(5):
            maintenance.round(is_woken=True)
    assert rounds == [True] * 5
    messages = [record.message for record in caplog.records]
    assert messages == ["maintenance failed, and is tried again (said once, until it goes on)"]


def test_it_is_prepared_before_the_first_publication() -> None:
    """And again as long as that fails."""
    done: list[str] = []
    is_away = True

    def prepare() -> None:
        done.append("prepare")
        if is_away:
            raise StoreUnavailableError("away")

    maintenance = Maintenance(prepare, lambda is_own: done.append("publish"), lambda: None, lambda: None)
    maintenance.round(is_woken=True)
    is_away = False
    maintenance.round(is_woken=True)
    maintenance.round(is_woken=False)
    assert done == ["prepare", "prepare", "publish", "publish"]


def test_only_a_scheduler_acknowledges() -> None:
    """Others have no part in what is fresh."""
    done = Event()
    maintenance = Maintenance(lambda: None, lambda is_own: None, lambda: None, done.set)
    maintenance.round(is_woken=True)
    assert not done.is_set()
    maintenance.start()
    maintenance.wake()
    assert done.wait(60)
    maintenance.close()


def test_names_are_published_also_where_the_table_cannot_be_made() -> None:
    """Those that failed come again; one that nothing can publish does not come in the way of the others."""
    published: list[str] = []
    is_away = True

    def prepare() -> None:
        raise RuntimeError("no right to create a table")

    def publish(name: str) -> None:
        if is_away:
            raise StoreUnavailableError("away")
        if name == "broken":
            raise ValueError(name)
        published.append(name)

    maintenance = Maintenance(prepare, lambda is_own: None, lambda: None, lambda: None, publish)
    maintenance._names.extend(["a", "broken", "b"])
    maintenance.round(is_woken=True)
    is_away = False
    for _ in range(2):
        maintenance.round(is_woken=False)
    assert sorted(published) == ["a", "b"]


def test_the_number_of_names_is_bounded() -> None:
    """While the tiers are away; the comparison of hashes finds those that were dropped."""
    maintenance = Maintenance(
        lambda: None, lambda is_own: None, lambda: None, lambda: None, lambda name: None
    )
    maintenance._start_thread = lambda: None  # type: ignore[method-assign]
    for number in range(20_000):
        maintenance.wake(str(number))
    assert len(maintenance._names) == 10_000


def test_closing_does_not_wait_for_a_tier_that_hangs() -> None:
    """The thread goes on alone, and keeps no process alive."""
    begun, over = Event(), Event()

    def publish(is_own: bool) -> None:
        begun.set()
        over.wait(60)

    maintenance = Maintenance(lambda: None, publish, lambda: None, lambda: None)
    maintenance.wake()
    assert begun.wait(60)
    started = time.monotonic()
    maintenance.close()
    assert time.monotonic() - started < 10
    assert maintenance._thread is not None and maintenance._thread.daemon
    over.set()
    maintenance._thread.join(60)
