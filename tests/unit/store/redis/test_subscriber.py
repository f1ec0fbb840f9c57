from __future__ import annotations

import random
import threading
from typing import Any

import pytest

from sched_cache.store.redis import Subscription
from sched_cache.store.redis.subscriber import Subscriber
from sched_cache.store.redis.tier import RedisTier
from tests.contracts.l1 import in_child
from tests.contracts.l2 import Listener, counters, open_tier, pointer_to, wait_until
from tests.support.clock import ManualClock
from tests.support.servers import RedisServer, required
from tests.support.servers.process import free_port


def subscribe(tier: RedisTier, listener: Listener) -> Subscription:
    subscription = tier.subscribe(listener.on_pointer, listener.on_joined)
    subscription.start()
    return subscription


def is_heard(tier: RedisTier, listener: Listener, key: str) -> bool:
    tier.notify(pointer_to(key, 1, None))
    return any(pointer.key == key for pointer in listener.pointers)


def test_joins_again_after_a_restart() -> None:
    """Each time it joins it says so: what was published meanwhile has to be learnt elsewhere."""
    with required():
        server = RedisServer()
    with server:
        tier, listener = open_tier(server.url, redis_breaker_min_seconds=0.01), Listener()
        subscribe(tier, listener)
        listener.await_joined()
        assert tier.notify(pointer_to("a", 1, None))
        listener.await_pointers(1)
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
    subscription = tier.subscribe(lambda _: None, lambda: None)
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

    def fail_for_a(pointer: Any) -> None:
        if pointer.key == "a":
            raise ZeroDivisionError
        listener.on_pointer(pointer)

    tier.subscribe(fail_for_a, listener.on_joined).start()
    listener.await_joined()
    tier.notify(pointer_to("a", 1, None))
    tier.notify(pointer_to("b", 1, None))
    assert [pointer.key for pointer in listener.await_pointers(1)] == ["b"]
    assert "ZeroDivisionError" in caplog.text
    tier.close()


def test_starting_twice_makes_one_thread() -> None:
    """It is asked for at every occasion."""
    tier, listener = open_tier("fake://twice"), Listener()
    subscription = tier.subscribe(listener.on_pointer, listener.on_joined)
    for _ in range(10):
        subscription.start()
    listener.await_joined()
    assert sum(thread.name == "sched-cache-subscriber" for thread in threading.enumerate()) == 1
    assert listener.n_joined == 1
    tier.close()


def test_closed_one_stays_closed() -> None:
    """A late reader does not bring the thread back."""
    tier, listener = open_tier("fake://closed"), Listener()
    subscription = tier.subscribe(listener.on_pointer, listener.on_joined)
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
        tier.notify(pointer_to("from the child", 1, None))
        return listener.await_pointers(1)[0].key == "from the child"

    assert in_child(child)
    assert listener.await_pointers(1)[0].key == "from the child"
    tier.notify(pointer_to("from the parent", 2, None))
    assert listener.await_pointers(2)[1].key == "from the parent"
    assert listener.n_joined == 1
    tier.close()


def test_silence_is_measured_by_the_clock_it_was_given() -> None:
    """Ping after the first interval, once; give up after the second."""
    clock = ManualClock()
    tier = open_tier("fake://silence", clock, redis_ping_seconds=5)
    subscriber = tier.subscribe(lambda _: None, lambda: None)
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
