from __future__ import annotations

import itertools
import logging
import random
import threading
import time
from typing import Any

import pytest

from sched_cache.store.l2 import Subscription
from sched_cache.store.redis.subscriber import Subscriber
from sched_cache.store.redis.tier import RedisTier
from tests.contracts.l1 import in_child
from tests.contracts.l2 import INCARNATION, Listener, counters, open_tier, pointer_to, wait_until
from tests.support.clock import ManualClock
from tests.support.proxy import Proxy
from tests.support.servers import RedisServer, required
from tests.support.servers.process import free_port


def subscribe(tier: RedisTier, listener: Listener) -> Subscription:
    subscription = listener.subscribe(tier)
    subscription.start()
    return subscription


def is_heard(tier: RedisTier, listener: Listener, key: str) -> bool:
    n_heard = listener.n_heard
    tier.notify(pointer_to(key, 1, None), INCARNATION)
    return listener.n_heard > n_heard


def test_joins_again_after_a_restart() -> None:
    """Each time it joins it says so: what was published meanwhile has to be learnt elsewhere."""
    with required():
        server = RedisServer()
    with server:
        tier, listener = open_tier(server.url, redis_breaker_min_seconds=0.01), Listener()
        subscribe(tier, listener)
        listener.await_joined()
        assert tier.notify(pointer_to("a", 1, None), INCARNATION)
        listener.await_heard()
        server.kill()
        wait_until(lambda: not tier._subscribers[0].is_joined)
        server.start()
        listener.await_joined(2)
        wait_until(lambda: is_heard(tier, listener, "b"))
        assert counters(tier).subscriptions == listener.n_joined
        tier.close()


def test_a_redis_that_falls_silent_is_noticed() -> None:
    """No packet tells of it: its machine is gone, or the network forgot the connection."""
    with required():
        server = RedisServer()
    with server:
        tier = open_tier(server.url, redis_ping_seconds=0.1, redis_breaker_min_seconds=0.01)
        listener = Listener()
        subscription = subscribe(tier, listener)
        listener.await_joined()
        server.pause()
        wait_until(lambda: not subscription.is_joined)
        server.resume()
        listener.await_joined(2)
        wait_until(lambda: is_heard(tier, listener, "a"))
        tier.close()


def test_a_quiet_channel_is_kept(redis_url: str) -> None:
    """Pings are answered, so nothing is joined again, though each look takes longer than a call may."""
    tier, listener = open_tier(redis_url, redis_ping_seconds=0.5, redis_timeout_seconds=0.2), Listener()
    pings: list[Any] = []
    subscription = subscribe(tier, listener)
    listener.await_joined()
    pubsub = tier._subscribers[0]._pubsub
    ping = pubsub.ping

    def counted_ping() -> None:
        pings.append(1)
        ping()

    pubsub.ping = counted_ping
    wait_until(lambda: len(pings) >= 2)
    assert subscription.is_joined
    wait_until(lambda: is_heard(tier, listener, "a"))
    assert listener.n_joined == 1
    tier.close()


def test_waits_for_a_redis_that_is_not_there_yet() -> None:
    """At start neither the order nor the time of starting matters."""
    with required():
        server = RedisServer()
    tier, listener = open_tier(server.url), Listener()
    subscribe(tier, listener)
    wait_until(lambda: tier._subscribers[0]._n_failures >= 2)
    with server:
        listener.await_joined()
        tier.close()


def test_tries_less_and_less_often() -> None:
    """A tenth of a second, doubled up to five; never in step with other nodes."""
    tier = open_tier(f"redis://127.0.0.1:{free_port()}")
    subscription = tier.subscribe(lambda: None, lambda: None, lambda: INCARNATION)
    assert isinstance(subscription, Subscriber)
    pauses: list[float] = []

    class RecordingEvent(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0)
            return False

    subscription._stopped = RecordingEvent()
    for _ in range(12):
        subscription.step()
    for number, pause in enumerate(pauses):
        longest = min(0.1 * 2**number, 5)
        assert longest / 2 <= pause <= longest
    assert len(pauses) == 12


def test_failing_callback_is_logged_and_the_next_message_heard(caplog: pytest.LogCaptureFixture) -> None:
    """There is one thread that listens, and no one callback may end it."""
    tier, listener = open_tier("fake://failing-callback"), Listener()

    def fail_first() -> None:
        listener.on_heard()
        if listener.n_heard == 1:
            raise ZeroDivisionError

    tier.subscribe(fail_first, listener.on_joined, lambda: INCARNATION).start()
    listener.await_joined()
    tier.notify(pointer_to("a", 1, None), INCARNATION)
    listener.await_heard()
    tier.notify(pointer_to("b", 1, None), INCARNATION)
    listener.await_heard(2)
    assert "ZeroDivisionError" in caplog.text
    tier.close()


def test_starting_twice_makes_one_thread() -> None:
    """It is asked for at every occasion."""
    tier, listener = open_tier("fake://twice"), Listener()
    subscription = listener.subscribe(tier)
    for _ in range(10):
        subscription.start()
    listener.await_joined()
    assert sum(thread.name == "sched-cache-subscriber" for thread in threading.enumerate()) == 1
    assert listener.n_joined == 1
    tier.close()


def test_closed_one_stays_closed() -> None:
    """A late reader does not bring the thread back."""
    tier, listener = open_tier("fake://closed"), Listener()
    subscription = listener.subscribe(tier)
    subscription.start()
    subscription.close()
    subscription.start()
    assert not any(thread.name == "sched-cache-subscriber" for thread in threading.enumerate())


def test_child_listens_when_it_is_started_there(redis_url: str) -> None:
    """With a connection of its own: the parent goes on listening on its own."""
    tier, listener = open_tier(redis_url), Listener()
    subscription = subscribe(tier, listener)
    listener.await_joined()

    def child() -> bool:
        if subscription.is_joined:
            return False
        listener.__init__()  # type: ignore[misc]  # its lock may have been held
        subscription.start()
        listener.await_joined()
        tier.notify(pointer_to("from the child", 1, None), INCARNATION)
        listener.await_heard()
        return True

    assert in_child(child)
    listener.await_heard()
    tier.notify(pointer_to("from the parent", 2, None), INCARNATION)
    listener.await_heard(2)
    assert listener.n_joined == 1
    tier.close()


def test_silence_is_measured_by_the_clock_it_was_given() -> None:
    """Ping after the first interval, once; give up after the second."""
    clock = ManualClock()
    tier = open_tier("fake://silence", clock, redis_ping_seconds=5)
    subscriber = tier.subscribe(lambda: None, lambda: None, lambda: INCARNATION)
    assert isinstance(subscriber, Subscriber)
    subscriber._random = random.Random(1)
    subscriber.step()
    subscriber.step()
    assert subscriber.is_joined

    class SilentPubSub:
        n_pings = 0

        def get_message(self, timeout: float) -> None:
            return None

        def ping(self) -> None:
            self.n_pings += 1

        def close(self) -> None:
            pass

    silent = SilentPubSub()
    subscriber._pubsub.close()
    subscriber._pubsub = silent
    steps = ((4.9, 0, True), (0.2, 1, True), (2.0, 1, True), (2.8, 1, True), (0.2, 1, False))
    for seconds, n_pings, is_joined in steps:
        clock.now += seconds
        subscriber.step()
        assert (silent.n_pings, subscriber.is_joined) == (n_pings, is_joined)
    tier.close()


class FloodedPubSub:
    """Never empty. `n_read`: messages read."""

    def __init__(self) -> None:
        self.n_read = 0
        self.is_closed = False

    def get_message(self, timeout: float) -> dict[str, Any]:
        self.n_read += 1
        return {"type": "message", "data": b"whatever"}

    def close(self) -> None:
        self.is_closed = True


class Waits(threading.Event):
    """Waiting is the only thing that takes time."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.now += timeout or 0.0
        return False


def test_a_flood_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """A bounded number of messages is read and of questions asked; said when it begins and when it is over."""
    clock, asked = ManualClock(), []
    tier = open_tier("fake://flood", clock)
    subscriber = tier.subscribe(lambda: asked.append(clock.now), lambda: None, lambda: INCARNATION)
    assert isinstance(subscriber, Subscriber)
    subscriber._stopped = Waits(clock)
    caplog.set_level("INFO", "sched_cache.redis")
    n_read = 0
    began = clock.now
    for _ in range(12):
        for _ in range(2):
            subscriber.step()  # joins, and hears that it has
        assert subscriber.is_joined
        subscriber._pubsub.close()
        subscriber._pubsub = flooded = FloodedPubSub()
        subscriber.step()
        assert flooded.is_closed and not subscriber.is_joined
        n_read += flooded.n_read
    seconds = clock.now - began
    assert seconds > 20
    assert n_read <= 100 * 12
    for first, asked_at in enumerate(asked):
        assert len([other for other in asked[first:] if other < asked_at + 1.0]) <= 20
    assert max(later - sooner for sooner, later in itertools.pairwise(asked)) <= 0.5
    assert counters(tier).floods == 12
    assert [record.levelname for record in caplog.records if "more messages" in record.message] == ["WARNING"]

    for _ in range(2):
        subscriber.step()
    clock.now += 60
    tier.notify(pointer_to("a", 1, None), INCARNATION)
    subscriber.step()
    assert "no longer flooded" in caplog.text
    tier.close()


def test_messages_that_wait_together_are_one_question() -> None:
    """Those that came while the last question was asked."""
    clock, asked = ManualClock(), []
    tier = open_tier("fake://together", clock)
    subscriber = tier.subscribe(lambda: asked.append(clock.now), lambda: None, lambda: INCARNATION)
    assert isinstance(subscriber, Subscriber)
    for _ in range(2):
        subscriber.step()
    for number in range(1, 31):
        tier.notify(pointer_to("a", number, None), INCARNATION)
    subscriber.step()
    assert len(asked) == 1
    assert counters(tier).notices_received == 30
    tier.close()


@pytest.mark.parametrize("is_joined", [False, True])
def test_closing_waits_for_no_redis(is_joined: bool) -> None:
    """It has stopped answering, and a call may wait for it for long."""
    with required():
        server = RedisServer()
    with server, Proxy(server.port) as proxy:
        tier, listener = open_tier(f"redis://127.0.0.1:{proxy.port}", redis_timeout_seconds=10), Listener()
        if is_joined:
            listener.subscribe(tier).start()
            listener.await_joined()
            proxy.stop()
        else:
            proxy.stop()
            listener.subscribe(tier).start()
            wait_until(lambda: proxy.n_connections > 0)
        started = time.monotonic()
        tier.close()
        assert time.monotonic() - started < 8
        proxy.reset()


def test_a_channel_that_comes_and_goes_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """And is not joined again as fast as it is lost."""
    caplog.set_level(logging.INFO, "sched_cache.redis")
    with required():
        server = RedisServer()
    with server, Proxy(server.port) as proxy:
        tier, listener = open_tier(f"redis://127.0.0.1:{proxy.port}"), Listener()
        subscription = listener.subscribe(tier)
        subscription.start()
        for number in range(1, 5):
            listener.await_joined(number)
            wait_until(lambda: subscription.is_joined)
            proxy.cut()
        tier.close()
    assert sum("lost the notification channel" in line for line in caplog.messages) == 1
    assert tier._subscribers == []
