"""The behaviour of every L1 with any limit. The fixture `l1` is empty and has room for at least eight."""

from __future__ import annotations

import os
from collections.abc import Callable

from sched_cache.cache import L1


class SizedDag:
    """Stands for a decoded DAG of `nbytes` bytes."""

    def __init__(self, name: str, nbytes: int = 100) -> None:
        self.name = name
        self.nbytes = nbytes

    def __repr__(self) -> str:
        return f"SizedDag({self.name!r}, {self.nbytes})"


def check_books(l1: L1[SizedDag]) -> None:
    """Fails unless entries, books and eviction order tell the same story."""
    order, books = l1.order, l1._books
    named: dict[str, set[str]] = {}
    for key, entry in l1.entries.items():
        assert books.get(entry.content_hash) is entry.resident
        named.setdefault(entry.content_hash, set()).add(key)
    assert set(books) == set(named), "a content without a key"
    for content_hash, resident in books.items():
        assert resident.content_hash == content_hash
        assert set(resident.keys) == named[content_hash]
        assert len(resident.keys) == len(named[content_hash])
    protected = [resident for _, _, resident in order._heap if resident._segment == 1]
    assert len(protected) == len({resident.content_hash for resident in protected}) == order._n_protected
    assert {resident.content_hash for resident in protected} | set(order._probation) == set(books)
    assert not {resident.content_hash for resident in protected} & set(order._probation)
    assert order._protected_bytes == sum(resident.nbytes for resident in protected)
    assert order._probation_bytes == sum(resident.nbytes for resident in order._probation.values())
    assert l1.nbytes == sum(resident.nbytes for resident in books.values()) <= l1._max_bytes
    assert len(order._heap) <= 2 * order._n_protected + 64, "the heap grows with what is gone"
    assert len(order._last_used) <= 1024 + 4 * len(books) + 4


class L1Contract:
    """Mix in and define the fixture `l1`."""

    def test_put_is_got(self, l1: L1[SizedDag]) -> None:
        """The very object that was put."""
        dag = SizedDag("a1")
        assert l1.put("a", 1, "hash a1", dag)
        assert l1.get("a") is dag
        assert l1.get("a", 1) is dag
        assert l1.find("hash a1") is dag
        assert l1.entries["a"].version == 1
        assert l1.entries["a"].content_hash == "hash a1"
        assert l1.entries["a"].dag is dag
        check_books(l1)

    def test_miss_is_none(self, l1: L1[SizedDag]) -> None:
        """For a key that is absent, and for one that is older than asked."""
        l1.put("a", 1, "hash a1", SizedDag("a1"))
        assert l1.get("b") is None
        assert l1.get("a", 2) is None
        assert l1.find("hash b") is None

    def test_newer_version_replaces_older(self, l1: L1[SizedDag]) -> None:
        """And frees its room at once."""
        l1.put("a", 1, "hash a1", SizedDag("a1"))
        newer = SizedDag("a2")
        l1.put("a", 2, "hash a2", newer)
        assert l1.get("a") is newer
        assert l1.find("hash a1") is None
        assert len(l1) == 1
        check_books(l1)

    def test_older_version_never_replaces_newer(self, l1: L1[SizedDag]) -> None:
        """1. A loads version 1.  2. B loads and puts version 2.  3. A puts version 1: nothing happens."""
        newer = SizedDag("a2")
        l1.put("a", 2, "hash a2", newer)
        assert l1.put("a", 1, "hash a1", SizedDag("a1"))
        assert l1.get("a") is newer
        assert l1.find("hash a1") is None
        check_books(l1)

    def test_keys_with_the_same_content_share_one_dag(self, l1: L1[SizedDag]) -> None:
        """It is counted once, and stays until the last of them lets go."""
        first = SizedDag("x")
        l1.put("a", 1, "hash x", first)
        alone = l1.nbytes
        l1.put("b", 7, "hash x", SizedDag("another x"))
        assert l1.get("b", 7) is first
        assert (l1.nbytes, len(l1)) == (alone, 1)
        l1.discard("a")
        assert l1.get("a") is None
        assert l1.get("b") is first
        l1.discard("b")
        assert (l1.nbytes, len(l1)) == (0, 0)
        check_books(l1)

    def test_version_may_grow_without_the_content(self, l1: L1[SizedDag]) -> None:
        """A content that comes back is not loaded again."""
        dag = SizedDag("x")
        l1.put("a", 1, "hash x", dag)
        l1.put("a", 3, "hash x", SizedDag("another x"))
        assert l1.get("a", 3) is dag
        check_books(l1)

    def test_discard_drops_what_is_older(self, l1: L1[SizedDag]) -> None:
        """And nothing else."""
        l1.put("a", 5, "hash a5", SizedDag("a5"))
        assert not l1.discard("a", older_than=5)
        assert l1.get("a") is not None
        assert l1.discard("a", older_than=6)
        assert l1.get("a") is None
        assert not l1.discard("a")
        check_books(l1)

    def test_clear_forgets_everything(self, l1: L1[SizedDag]) -> None:
        """And it can be filled again."""
        for name in "abc":
            l1.put(name, 1, name, SizedDag(name))
        l1.clear()
        assert (len(l1), l1.nbytes, l1.entries) == (0, 0, {})
        assert l1.put("a", 1, "a", SizedDag("a"))
        check_books(l1)

    def test_a_child_has_what_its_parent_had(self, l1: L1[SizedDag]) -> None:
        """A fork shares contents; nothing is loaded again."""
        l1.put("a", 1, "a", SizedDag("a"))
        assert in_child(lambda: l1.get("a") is not None and l1.put("b", 1, "b", SizedDag("b")))

    def test_a_child_of_a_change_begins_empty(self, l1: L1[SizedDag]) -> None:
        """The thread that was changing it does not exist there, and would never let go of the lock."""
        from threading import Event, Thread

        l1.put("a", 1, "a", SizedDag("a"))
        is_held, is_over = Event(), Event()

        def hold() -> None:
            with l1.lock:
                is_held.set()
                is_over.wait()

        holder = Thread(target=hold)
        holder.start()
        is_held.wait()
        try:
            assert in_child(lambda: l1.get("a") is None and l1.put("b", 1, "b", SizedDag("b")))
        finally:
            is_over.set()
            holder.join()
        assert l1.get("a") is not None


def in_child(question: Callable[[], bool]) -> bool:
    """The answer of a forked child; False if it does not come within ten seconds."""
    import signal

    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        os._exit(0 if question() else 1)
    return os.waitpid(pid, 0)[1] == 0
