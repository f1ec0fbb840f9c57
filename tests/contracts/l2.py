"""The behaviour of every L2 with a Redis. Each call of the fixture `make_l2` creates another node."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from sched_cache.clock import Clock, SystemClock
from sched_cache.config import Config
from sched_cache.format import FORMAT_VERSION, content_hash_of
from sched_cache.stats import Stats
from sched_cache.store import Pointer, Seq, Version
from sched_cache.store.l2 import L2, Answer, Subscription
from sched_cache.store.redis import encode_notification
from sched_cache.store.redis.commands import Client
from sched_cache.store.redis.tier import RedisTier
from tests.support.clock import ManualClock

PATIENCE_SECONDS = 10.0
NAMESPACE = "test"

MakeL2 = Callable[..., RedisTier]


def part_of(text: str, nbytes: int = 0) -> tuple[str, bytes]:
    """A part and the digest that names it."""
    part = text.encode().ljust(nbytes, b".")
    return content_hash_of(part), part


def key_of(digest: str) -> str:
    """The Redis key of a part."""
    return f"{NAMESPACE}:{FORMAT_VERSION}:{digest}"


def open_tier(redis_url: str, clock: Clock | None = None, **options: Any) -> RedisTier:
    """A tier that is patient with a busy machine, where the test says nothing else."""
    patient: dict[str, Any] = {"namespace": NAMESPACE}
    if "redis_timeout_seconds" not in options:
        # One call that takes its whole time must not spend the budget: the tier would be left alone.
        patient |= {"redis_timeout_seconds": 10.0, "tier_loss_seconds": 60.0}
    config = Config(redis_url=redis_url, **(patient | options))
    return RedisTier(config, Stats(), clock or SystemClock(), random.Random(1))


def wait_until(is_true: Callable[[], bool]) -> None:
    """For what another thread will do, and nothing tells of."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.001)


def counters(tier: RedisTier) -> Any:
    """The counters of `tier`."""
    return tier._counters


def client_of(tier: RedisTier) -> Client:
    """A way past the tier, for a stranger's commands."""
    return tier._link.connect()


def pointer_to(key: str, version: int, content_hash: str | None) -> Pointer:
    """A pointer whose two numbers are the same."""
    return Pointer(key, Version(version), Seq(version), content_hash)


INCARNATION = "0123456789abcdef"


class Listener:
    """Counts what a subscription delivers. `incarnation`: the history that it listens to."""

    def __init__(self, incarnation: str | None = INCARNATION) -> None:
        self.incarnation = incarnation
        self.n_heard = 0
        self.n_joined = 0
        self._changed = threading.Condition()

    def subscribe(self, tier: L2) -> Subscription:
        """A subscription of this listener, not yet started."""
        return tier.subscribe(self.on_heard, self.on_joined, lambda: self.incarnation)

    def subscribe_to_hints(self, tier: L2, sender: bytes) -> Subscription:
        """The same for hints."""
        return tier.subscribe_to_hints(sender, self.on_heard, self.on_joined, lambda: self.incarnation)

    def on_heard(self) -> None:
        with self._changed:
            self.n_heard += 1
            self._changed.notify_all()

    def on_joined(self) -> None:
        with self._changed:
            self.n_joined += 1
            self._changed.notify_all()

    def await_joined(self, times: int = 1) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.n_joined >= times, PATIENCE_SECONDS)

    def await_heard(self, times: int = 1) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.n_heard >= times, PATIENCE_SECONDS)


class L2Contract:
    """Mix in and define the fixture `make_l2`, which closes what it made."""

    def test_what_one_node_puts_another_gets(self, make_l2: MakeL2) -> None:
        """Byte for byte, whether it was small, large, or did not shrink."""
        parts = dict(part_of(f"part {size}", size) for size in (0, 100, 5000, 300_000))
        noise = random.Random(1).randbytes(100_000)
        parts[content_hash_of(noise)] = noise
        assert make_l2().put_many(parts)
        reader = make_l2()
        assert {digest: reader.get(digest) for digest in parts} == parts
        assert reader.get_many(list(parts)) == parts

    def test_miss_is_not_an_error(self, make_l2: MakeL2) -> None:
        """Redis is there and says that it has no such part."""
        tier = make_l2()
        digest, part = part_of("there")
        absent, _ = part_of("not there")
        tier.put_many({digest: part})
        assert tier.get(absent) is Answer.MISS
        assert tier.get_many([absent, digest]) == {absent: Answer.MISS, digest: part}
        assert (counters(tier).hits, counters(tier).misses, counters(tier).errors) == (1, 2, 0)

    def test_hundreds_at_once(self, make_l2: MakeL2) -> None:
        """In batches, some of them with nothing but misses."""
        tier = make_l2()
        parts = dict(part_of(f"part {number}") for number in range(300))
        some = {digest: part for number, (digest, part) in enumerate(parts.items()) if not 100 < number < 280}
        assert tier.put_many(some)
        assert tier.get_many(list(parts)) == {digest: some.get(digest, Answer.MISS) for digest in parts}

    def test_nothing_at_once(self, make_l2: MakeL2) -> None:
        """No names, no answers."""
        tier = make_l2()
        assert tier.get_many([]) == {}
        assert tier.fetch_many([], lambda _: pytest.fail("asked for nothing")) == {}
        assert tier.put_many({})

    def test_part_is_written_once(self, make_l2: MakeL2) -> None:
        """A second put changes nothing: the value is the same or it is none of ours."""
        tier = make_l2()
        digest, part = part_of("part")
        tier.put_many({digest: part})
        before = client_of(tier).get(key_of(digest))
        tier.put_many({digest: b"something else"})
        assert client_of(tier).get(key_of(digest)) == before

    def test_keys_and_time_to_live_are_as_configured(self, make_l2: MakeL2) -> None:
        """`namespace:format:digest`, which expires when nobody uses it."""
        tier = make_l2(redis_content_ttl_seconds=1000)
        digest, part = part_of("part")
        tier.put_many({digest: part})
        ttl = client_of(tier).ttl(key_of(digest))  # type: ignore[attr-defined]  # of redis-py
        assert 990 <= ttl <= 1000

    def test_use_renews_the_time_to_live(self, make_l2: MakeL2) -> None:
        """Not at every read, but within a few hundred."""
        digest, part = part_of("part")
        make_l2(redis_content_ttl_seconds=100).put_many({digest: part})
        tier = make_l2(redis_content_ttl_seconds=10_000)
        client = client_of(tier)
        for _ in range(5):
            for _ in range(100):
                assert tier.get(digest) == part
        assert client.ttl(key_of(digest)) > 100  # type: ignore[attr-defined]  # of redis-py
        assert 1 <= counters(tier).renewals <= 30
        client.expire(key_of(digest), 100)  # type: ignore[attr-defined]  # of redis-py
        for _ in range(500):
            tier.get_many([digest])
        assert client.ttl(key_of(digest)) > 100  # type: ignore[attr-defined]  # of redis-py

    def test_namespaces_share_nothing(self, make_l2: MakeL2) -> None:
        """Two clusters on one Redis neither read nor hear each other."""
        one, other = make_l2(), make_l2(namespace="other")
        digest, part = part_of("part")
        one.put_many({digest: part})
        assert other.get(digest) is Answer.MISS
        listener = Listener()
        listener.subscribe(other).start()
        listener.await_joined()
        one.notify(pointer_to("mine", 1, digest), INCARNATION)
        other.notify(pointer_to("yours", 2, digest), INCARNATION)
        listener.await_heard()
        assert counters(other).notices_received == 1

    def test_hints_are_heard_by_all_but_their_sender(self, make_l2: MakeL2) -> None:
        """And not as notifications."""
        one, other, listener = make_l2(), make_l2(), Listener()
        own, published = Listener(), Listener()
        subscribed = [
            listener.subscribe_to_hints(other, b"other"),
            own.subscribe_to_hints(one, b"one"),
            published.subscribe(other),
        ]
        for subscription in subscribed:
            subscription.start()
        for each in (listener, own, published):
            each.await_joined()
        assert one.hint(b"one", INCARNATION)
        assert one.hint(b"one", "fedcba9876543210")
        listener.await_heard()
        assert other.hint(b"other", INCARNATION)
        own.await_heard()
        assert (listener.n_heard, own.n_heard, published.n_heard) == (1, 1, 0)
        for subscription in subscribed:
            subscription.close()

    def test_strangers_are_not_heard(self, make_l2: MakeL2) -> None:
        """Another installation has another incarnation, whatever database number and namespace it uses."""
        tier, listener = make_l2(), Listener()
        listener.subscribe(tier).start()
        listener.await_joined()
        for stranger in ("fedcba9876543210", ""):
            tier.notify(pointer_to("theirs", 1, None), stranger)
        client_of(tier).publish(f"{NAMESPACE}:published", encode_notification(pointer_to("theirs", 1, None)))
        tier.notify(pointer_to("ours", 2, None), INCARNATION)
        listener.await_heard()
        assert counters(tier).notices_received == 1

    def test_a_new_incarnation_is_followed(self, make_l2: MakeL2) -> None:
        """After a restore all go on under the new name; what was missed in between has to be learnt."""
        tier, listener = make_l2(), Listener()
        subscription = listener.subscribe(tier)
        subscription.start()
        listener.await_joined()
        listener.incarnation = "fedcba9876543210"
        listener.await_joined(2)
        tier.notify(pointer_to("old", 1, None), INCARNATION)
        tier.notify(pointer_to("new", 2, None), "fedcba9876543210")
        listener.await_heard()
        assert counters(tier).notices_received == 1

    def test_it_waits_until_the_incarnation_is_known(self, make_l2: MakeL2) -> None:
        """Before the first certification there is no channel to listen to."""
        tier, listener = make_l2(), Listener(None)
        subscription = listener.subscribe(tier)
        subscription.start()
        assert not subscription.is_joined and listener.n_joined == 0
        listener.incarnation = INCARNATION
        listener.await_joined()

    @pytest.mark.parametrize(
        "value", [b"", b"\x00", b"\x00other bytes", b"\x01not zlib", b"\xff", b"\x00" * 100_000]
    )
    def test_value_that_is_not_its_content_is_a_miss_and_goes(self, make_l2: MakeL2, value: bytes) -> None:
        """Whoever wrote it. The next one to load it writes it anew, even right after somebody else did."""
        tier = make_l2()
        digest, part = part_of("part")
        assert tier.fetch(digest, lambda: part) == part  # with a lease, which is still there
        client_of(tier).set(key_of(digest), value)  # type: ignore[attr-defined]  # of redis-py
        assert tier.get(digest) is Answer.MISS
        assert counters(tier).damaged == 1
        assert client_of(tier).get(key_of(digest)) is None
        assert tier.fetch(digest, lambda: part) == part
        assert counters(tier).lease_waits == 0
        assert tier.get(digest) == part

    def test_value_of_another_part_is_a_miss(self, make_l2: MakeL2) -> None:
        """Intact, but under a name that is not its own; also among many."""
        tier = make_l2()
        (one, one_part), (other, other_part) = part_of("one"), part_of("other")
        tier.put_many({one: one_part, other: other_part})
        client = client_of(tier)
        client.set(key_of(other), client.get(key_of(one)))  # type: ignore[attr-defined]  # of redis-py
        assert tier.get_many([one, other]) == {one: one_part, other: Answer.MISS}
        assert tier.get(other) is Answer.MISS
        assert counters(tier).damaged == 1

    def test_value_of_another_type_is_a_miss_and_goes(self, make_l2: MakeL2) -> None:
        """A stranger's list under our key."""
        tier = make_l2()
        digest, part = part_of("part")
        client_of(tier).rpush(key_of(digest), b"x")  # type: ignore[attr-defined]  # of redis-py
        assert tier.get_many([digest]) == {digest: Answer.MISS}
        assert tier.get(digest) is Answer.MISS
        assert tier.put_many({digest: part})
        assert tier.get(digest) == part

    def test_part_that_unpacks_to_too_much_is_a_miss(self, make_l2: MakeL2) -> None:
        """A few kilobytes that become a gigabyte do so in nobody's memory."""
        digest, part = part_of("part", 50_000)
        make_l2().put_many({digest: part})
        assert make_l2(max_content_bytes=10_000).get(digest) is Answer.MISS

    def test_fetch_loads_what_is_missing_and_shares_it(self, make_l2: MakeL2) -> None:
        """The second node reads what the first one loaded."""
        digest, part = part_of("part")
        assert make_l2().fetch(digest, lambda: part) == part
        assert make_l2().fetch(digest, lambda: pytest.fail("loaded twice")) == part

    def test_fetch_of_what_nobody_has_is_none(self, make_l2: MakeL2) -> None:
        """And the next one may load at once: nobody holds the right to."""
        tier = make_l2()
        digest, part = part_of("part")
        assert tier.fetch(digest, lambda: None) is None
        assert tier.fetch(digest, lambda: part) == part
        assert counters(tier).lease_waits == 0

    def test_fetch_raises_what_the_load_raises(self, make_l2: MakeL2) -> None:
        """And the next one may load at once."""
        tier = make_l2()
        digest, part = part_of("part")
        with pytest.raises(ZeroDivisionError):
            tier.fetch(digest, lambda: 1 // 0)  # type: ignore[arg-type, return-value]  # never returns
        assert tier.fetch(digest, lambda: part) == part
        assert counters(tier).lease_waits == 0

    def test_fetch_many_loads_only_what_is_missing(self, make_l2: MakeL2) -> None:
        """All of it at once."""
        tier = make_l2()
        parts = dict(part_of(f"part {number}") for number in range(300))
        digests = list(parts)
        there = {digest: parts[digest] for digest in digests[:150]}
        tier.put_many(there)
        asked: list[list[str]] = []

        def load(missing: list[str]) -> Mapping[str, bytes]:
            asked.append(missing)
            return {digest: parts[digest] for digest in missing[:-1]}

        fetched = tier.fetch_many(digests, load)
        assert asked == [digests[150:]]
        assert fetched == {digest: parts[digest] for digest in digests[:-1]}
        assert make_l2().get_many(digests) == fetched | {digests[-1]: Answer.MISS}

    def test_one_node_loads_while_the_others_wait(self, make_l2: MakeL2) -> None:
        """They read its result from Redis."""
        digest, part = part_of("part")
        loader, waiter = make_l2(), make_l2(redis_lease_wait_seconds=PATIENCE_SECONDS, tier_loss_seconds=60)
        is_loading, may_end = threading.Event(), threading.Event()

        def load() -> bytes:
            is_loading.set()
            assert may_end.wait(PATIENCE_SECONDS)
            return part

        fetched: list[bytes | None] = []
        threads = [
            threading.Thread(target=lambda: fetched.append(loader.fetch(digest, load))),
            threading.Thread(
                target=lambda: fetched.append(waiter.fetch(digest, lambda: pytest.fail("loaded twice")))
            ),
        ]
        threads[0].start()
        assert is_loading.wait(PATIENCE_SECONDS)
        threads[1].start()
        wait_until(lambda: counters(waiter).lease_waits > 0)
        may_end.set()
        for thread in threads:
            thread.join()
        assert fetched == [part, part]

    def test_when_the_loading_node_fails_one_of_the_others_loads(self, make_l2: MakeL2) -> None:
        """At once, not when the lease ends."""
        digest, part = part_of("part")
        loader = make_l2(redis_lease_seconds=60)
        waiter = make_l2(redis_lease_wait_seconds=60, tier_loss_seconds=60)
        is_loading, may_end = threading.Event(), threading.Event()

        def fail() -> bytes:
            is_loading.set()
            assert may_end.wait(PATIENCE_SECONDS)
            raise ZeroDivisionError

        def fetch_and_fail() -> None:
            with pytest.raises(ZeroDivisionError):
                loader.fetch(digest, fail)

        thread = threading.Thread(target=fetch_and_fail)
        thread.start()
        assert is_loading.wait(PATIENCE_SECONDS)
        threading.Timer(0.05, may_end.set).start()
        assert waiter.fetch(digest, lambda: part) == part
        assert counters(waiter).lease_timeouts == 0
        thread.join()

    def test_whatever_strangers_do_to_keys_and_leases_is_a_miss_at_worst(self, make_l2: MakeL2) -> None:
        """Deleted, exchanged, garbled, of another type, pinned for ever: what comes back is right, and soon."""
        choose = random.Random(5)
        nodes = [make_l2(redis_lease_wait_seconds=0.02) for _ in range(3)]
        parts = dict(part_of(f"part {number}", 50) for number in range(12))
        digests = sorted(parts)
        client: Any = client_of(nodes[0])
        began = time.monotonic()
        for _ in range(300):
            self._mistreat(client, choose, [key_of(digest) for digest in digests])
            node, asked = choose.choice(nodes), choose.sample(digests, choose.randint(1, 5))
            kind = choose.randrange(4)
            if kind == 0:
                node.put_many({digest: parts[digest] for digest in asked})
            elif kind == 1:
                answers = node.get_many(asked)
                assert all(isinstance(one, Answer) or one == parts[key] for key, one in answers.items())
            elif kind == 2:
                assert node.fetch(asked[0], lambda asked=asked: parts[asked[0]]) == parts[asked[0]]
            else:
                found = node.fetch_many(asked, lambda wanted: {digest: parts[digest] for digest in wanted})
                assert found == {digest: parts[digest] for digest in asked}
        assert time.monotonic() - began < 300 * 0.2
        assert sum(counters(node).damaged for node in nodes) > 10

    def test_a_lease_of_nobody_that_lasts_for_ever_costs_one_wait(self, make_l2: MakeL2) -> None:
        """The part is then loaded here, and the next one at once."""
        clock = ManualClock()
        tier = make_l2(clock=clock, redis_lease_wait_seconds=0.02)
        digest, part = part_of("part")
        client: Any = client_of(tier)
        for value in (b"", b"a stranger's", b"x" * 10_000):
            client.set(f"{key_of(digest)}:lease", value)
            assert tier.fetch(digest, lambda: part) == part
        client.delete(f"{key_of(digest)}:lease")
        client.rpush(f"{key_of(digest)}:lease", b"not even a string")
        assert tier.fetch(digest, lambda: part) == part
        assert counters(tier).lease_timeouts == 1
        assert 0.02 <= sum(clock.slept) <= 0.04
        # The second wait after a pause, and the third one only after twice that pause.
        for seconds, n_waits in ((1.1, 2), (1.1, 2), (1.1, 3), (3.9, 3), (0.2, 4)):
            clock.sleep(seconds)
            assert tier.fetch(digest, lambda: part) == part
            assert counters(tier).lease_timeouts == n_waits

    @staticmethod
    def _mistreat(client: Any, choose: random.Random, keys: list[str]) -> None:
        key, other = choose.sample([*keys, *(f"{key}:lease" for key in keys)], 2)
        kind = choose.randrange(6)
        client.delete(key)
        if kind == 0:
            client.set(key, choose.randbytes(choose.choice((0, 1, 60, 5_000))))
        elif kind == 1:
            client.rpush(key, b"a list")
        elif kind == 2:
            client.hset(key, "a", "hash")
        elif kind == 3 and client.type(other) == b"string":
            client.set(key, client.get(other))
        elif kind == 4:
            client.set(f"{choose.choice(keys)}:lease", b"of nobody")

    def test_notification_reaches_every_node(self, make_l2: MakeL2) -> None:
        """The sender's own as well."""
        nodes = [make_l2() for _ in range(3)]
        listeners = [Listener() for _ in nodes]
        for node, listener in zip(nodes, listeners, strict=True):
            subscription = listener.subscribe(node)
            assert not subscription.is_joined
            subscription.start()
            listener.await_joined()
            assert subscription.is_joined
        sent = [
            Pointer("sales", Version(3), Seq(7), "0123456789abcdef" * 2),
            Pointer("späte Größe", Version(2**62), Seq(2**62), None),
        ]
        for pointer in sent:
            assert nodes[0].notify(pointer, INCARNATION)
        for node, listener in zip(nodes, listeners, strict=True):
            listener.await_heard()
            wait_until(lambda node=node: counters(node).notices_received == 2)
            assert listener.n_joined == 1
        assert (counters(nodes[0]).notices_sent, counters(nodes[1]).notices_received) == (2, 2)

    def test_hostile_message_is_dropped_and_counted(self, make_l2: MakeL2) -> None:
        """And those after it are heard."""
        tier, listener = make_l2(), Listener()
        listener.subscribe(tier).start()
        listener.await_joined()
        for message in (b"", b"hello", b"\xc1", b"\x95" * 10_000, b"x" * 1_000_000):
            client_of(tier).publish(f"{NAMESPACE}:published:{INCARNATION}", message)
        tier.notify(pointer_to("a", 1, None), INCARNATION)
        wait_until(lambda: counters(tier).notices_received == 1)
        assert counters(tier).notices_rejected == 5

    def test_a_closed_subscription_is_silent(self, make_l2: MakeL2) -> None:
        """No thread is left."""
        tier, listener = make_l2(), Listener()
        subscription = listener.subscribe(tier)
        subscription.start()
        listener.await_joined()
        tier.close()
        assert not subscription.is_joined
        assert not any(thread.name == "sched-cache-subscriber" for thread in threading.enumerate())
