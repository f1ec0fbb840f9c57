"""Forks and calls into libraries keep out of each other's way, and neither waits without bound."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Event, Thread, get_ident

import pytest

from sched_cache import fork
from sched_cache.fork import ForkGate, Stay
from tests.contracts.l1 import in_child


class Inside:
    """A thread that is inside of the gate until it is told to leave."""

    def __init__(self, gate: ForkGate) -> None:
        self.entered, self.leave = Event(), Event()
        self._gate = gate
        self._thread = Thread(target=self._stay, daemon=True)

    def start(self) -> Inside:
        self._thread.start()
        return self

    def _stay(self) -> None:
        with self._gate:
            self.entered.set()
            self.leave.wait(30)

    def end(self) -> None:
        self.leave.set()
        self._thread.join()


@pytest.fixture
def gate() -> ForkGate:
    return ForkGate(max_wait_seconds=20)


@pytest.fixture
def inside(gate: ForkGate) -> Iterator[Inside]:
    chosen = Inside(gate).start()
    assert chosen.entered.wait(60)
    yield chosen
    chosen.end()


def forked(gate: ForkGate) -> Event:
    """A thread that forks, as far as the gate knows; set when it may."""
    may_fork = Event()

    def begin() -> None:
        gate.before_fork()
        may_fork.set()

    Thread(target=begin, daemon=True).start()
    return may_fork


def test_a_fork_waits_for_a_thread_that_is_inside(gate: ForkGate, inside: Inside) -> None:
    may_fork = forked(gate)
    assert not may_fork.wait(0.2)
    inside.end()
    assert may_fork.wait(60)
    assert gate.n_not_waited == 0


def test_nobody_enters_while_a_fork_waits(gate: ForkGate, inside: Inside) -> None:
    may_fork = forked(gate)
    assert not may_fork.wait(0.1)
    late = Inside(gate).start()
    assert not late.entered.wait(0.2)
    inside.end()
    assert may_fork.wait(60)
    assert not late.entered.is_set()
    gate.after_fork_in_parent()
    assert late.entered.wait(60)
    late.end()


def test_a_fork_is_not_held_up_by_its_own_thread(gate: ForkGate) -> None:
    """Also where it is inside several times: a host's callback in a transaction of ours may fork."""
    with gate, gate:
        gate.before_fork()
        gate.after_fork_in_parent()
    gate.before_fork()
    assert gate.n_not_waited == 0


def test_a_thread_that_stays_inside_delays_one_fork_and_no_more() -> None:
    """It waits for a server that hangs. The clock says so; nobody sleeps here."""
    now = 0.0

    def monotonic() -> float:
        return now

    gate = ForkGate(max_wait_seconds=0.1, monotonic=monotonic)
    hanging = Inside(gate).start()
    assert hanging.entered.wait(60)
    now = 0.2
    for n_forks in range(1, 4):
        gate.before_fork()
        gate.after_fork_in_parent()
        assert gate.n_not_waited == n_forks
    hanging.end()
    gate.before_fork()
    assert gate.n_not_waited == 3


def test_a_thread_may_ask_forks_to_wait_longer_for_a_block() -> None:
    """The limit of the block around it holds again after its end."""
    now = 0.0
    gate = ForkGate(max_wait_seconds=0.1, monotonic=lambda: now)
    entered, leave, left, end = Event(), Event(), Event(), Event()

    def stay() -> None:
        with gate:
            with Stay(gate, 5.0):
                entered.set()
                leave.wait(30)
            left.set()
            end.wait(30)

    thread = Thread(target=stay, daemon=True)
    thread.start()
    assert entered.wait(60)
    now = 0.2
    may_fork = forked(gate)
    assert not may_fork.wait(0.2)
    assert gate.n_not_waited == 0
    leave.set()
    assert left.wait(60)
    assert may_fork.wait(60)
    assert gate.n_not_waited == 1
    end.set()
    thread.join(60)


def test_a_thread_that_stays_beyond_its_own_limit_is_not_waited_for() -> None:
    now = 0.0
    gate = ForkGate(max_wait_seconds=0.1, monotonic=lambda: now)
    entered, leave = Event(), Event()

    def stay() -> None:
        with Stay(gate, 5.0):
            entered.set()
            leave.wait(30)

    thread = Thread(target=stay, daemon=True)
    thread.start()
    assert entered.wait(60)
    now = 5.1
    gate.before_fork()
    assert gate.n_not_waited == 1
    leave.set()
    thread.join(60)


def test_a_thread_waits_for_a_fork_with_a_bound(gate: ForkGate) -> None:
    """The hooks of others may want something of it."""
    gate.before_fork()
    late = Inside(gate).start()
    assert late.entered.wait(60)
    late.end()


def test_a_thread_that_stays_for_long_lets_forks_pass(gate: ForkGate) -> None:
    is_over = Event()

    def work() -> None:
        with gate:
            while not is_over.is_set():
                gate.let_pass()
                time.sleep(0.001)

    worker = Thread(target=work, daemon=True)
    worker.start()
    may_fork = forked(gate)
    assert may_fork.wait(60)
    gate.after_fork_in_parent()
    is_over.set()
    worker.join(60)
    assert gate.n_not_waited == 0


def test_a_child_finds_the_gate_open() -> None:
    """Whoever was inside in the parent does not exist there; the thread that forked goes on as before."""

    def is_open() -> bool:
        with fork.held_off():
            pass
        gate = fork.gate
        return not gate._n_forking and not gate.n_not_waited and set(gate._inside) <= {me}

    me = get_ident()
    stuck = Inside(fork.gate)
    fork.held_off()  # has the hooks in place
    stuck.start()
    assert stuck.entered.wait(60)
    assert in_child(is_open)
    with fork.held_off():
        assert in_child(is_open)
    stuck.end()


def test_one_object_that_cannot_be_made_new_leaves_the_others_whole() -> None:
    """In the child every other one is reset."""
    reset: list[str] = []

    class Broken:
        def reset_after_fork(self) -> None:
            reset.append("broken")
            raise ZeroDivisionError

    class Whole:
        def reset_after_fork(self) -> None:
            reset.append("whole")

    chosen = [Broken(), Whole(), Broken(), Whole()]
    for one in chosen:
        fork.register(one)
    assert in_child(lambda: sorted(reset) == ["broken", "broken", "whole", "whole"])
    assert not reset
