"""Take one rule of the protocol away, and some seed finds a violation. So the simulation would see it missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from sched_cache.dag_cache import DagCache
from sched_cache.freshness import Freshness
from sched_cache.freshness.floors import Floors
from sched_cache.store import Pointer
from sched_cache.testing.memory_store import MemoryStore
from tests.simulation.explore import Scope, explore
from tests.simulation.random_run import run
from tests.simulation.test_small_scopes import (
    a_false_tombstone_is_heard_while_work_is_taken,
    a_restore_is_not_told_by_the_counter,
    a_restore_is_told_by_a_row_alone,
    messages_of_an_undone_history_are_replayed,
)
from tests.simulation.world import Rules, Violation

_MAX_SEEDS = 3_000


@contextmanager
def no_floor() -> Iterator[Rules]:
    """Nothing is dropped when a newer version is learnt, and whatever was loaded is kept."""

    def entry_whatever_is_known(self: Any, key: str, min_version: int = 0) -> Any:
        entry = self.entries.get(key)
        return entry.dag if entry else None

    with (
        patch.object(DagCache, "superseded", lambda self, pointer: None),
        patch.object(DagCache, "_is_old", lambda self, pointer: False),
        patch("sched_cache.cache.l1.L1.get", entry_whatever_is_known),
    ):
        yield Rules()


@contextmanager
def serve_before_certifying() -> Iterator[Rules]:
    """A process that has just started answers from the nothing it knows."""
    with patch.object(Freshness, "ensure_certified", lambda self: None):
        yield Rules()


@contextmanager
def clock_after_the_query() -> Iterator[Rules]:
    """A certification counts as of its end."""
    ask = Freshness._ask

    def ask_and_look_at_the_clock_then(self: Any) -> Any:
        answer = ask(self)
        return answer._replace(asked_at=self._clock.monotonic())

    with patch.object(Freshness, "_ask", ask_and_look_at_the_clock_then):
        yield Rules()


@contextmanager
def one_flag_instead_of_two_counters() -> Iterator[Rules]:
    """Acknowledging clears the flag, whatever was published since the claim."""
    acknowledge = MemoryStore.acknowledge

    def clear(self: Any, connection: Any, key: str, taken_seq: int) -> bool:
        return acknowledge(self, connection, key, self.read_pointers([key])[key].parsed_seq)

    with patch.object(MemoryStore, "acknowledge", clear):
        yield Rules()


@contextmanager
def no_min_version() -> Iterator[Rules]:
    """Work carries no version: neither asked for nor learnt from the claim."""
    with patch.object(Freshness, "is_behind", lambda self, pointer: False), _learning_nothing_from_claims():
        yield Rules(uses_min_version=False)


@contextmanager
def _learning_nothing_from_claims() -> Iterator[None]:
    import sched_cache.freshness.claims as claims

    original = claims.Claims.__init__

    def init(self: Any, store: Any, clock: Any, freshness: Any, **options: Any) -> None:
        original(self, store, clock, freshness, **options)

        class Deaf:
            is_behind = staticmethod(lambda pointer: False)
            learn = staticmethod(lambda pointer: False)

        self._freshness = Deaf()

    with patch.object(claims.Claims, "__init__", init):
        yield


@contextmanager
def no_publish_token() -> Iterator[Rules]:
    """Whoever commits last wins, however old the file was that it had read."""
    yield Rules(uses_token=False)


@contextmanager
def messages_believed() -> Iterator[Rules]:
    """The content of a message is trusted like the answer of the database."""
    yield Rules(believes_no_message=False)


@contextmanager
def announcements_believed() -> Iterator[Rules]:
    """The announcement of a caller is trusted, whether or not its transaction is committed."""

    def announce(self: Any, published: Any) -> None:
        pointer = Pointer(published.key, published.version, published.parsed_seq, published.content_hash)
        self._freshness.learn(pointer)
        self._tell(published)

    with patch.object(DagCache, "announce", announce):
        yield Rules()


@contextmanager
def older_rows_raise_no_doubt() -> Iterator[Rules]:
    """A row that is older than the floor is not asked about."""

    def learn_row(self: Any, key: str, pointer: Pointer | None, floor: Pointer | None) -> None:
        if pointer is not None:
            self.floors.learn(pointer)

    with patch.object(Freshness, "learn_row", learn_row):
        yield Rules()


@contextmanager
def claims_confirm_changes_only() -> Iterator[Rules]:
    """A claim older than the floor asks for what was published since, not for everything."""
    certify = Freshness.certify

    def certify_changes(self: Any, *, full: bool = False) -> Any:
        return certify(self)

    with patch.object(Freshness, "certify", certify_changes):
        yield Rules()


@contextmanager
def acknowledge_before_the_effect() -> Iterator[Rules]:
    """Two transactions: first the acknowledgement, then the effect."""
    yield Rules(acknowledges_with_effect=False)


@contextmanager
def install_without_looking() -> Iterator[Rules]:
    """A loaded content is kept, even if a newer version was learnt meanwhile."""
    with patch.object(DagCache, "_is_old", lambda self, pointer: False):
        yield Rules()


@contextmanager
def contradictions_ignored() -> Iterator[Rules]:
    """A database that went back in time is believed to be where it was."""
    with (
        patch.object(Freshness, "_forget_another_history", lambda self, answer: False),
        patch.object(Floors, "_drop_purged", lambda self, changes: None),
    ):
        yield Rules()


RULES: dict[Callable[[], Any], tuple[str, ...]] = {
    no_floor: ("S3",),
    serve_before_certifying: ("S4",),
    clock_after_the_query: ("S4",),
    one_flag_instead_of_two_counters: ("S",),
    no_min_version: ("S2",),
    no_publish_token: ("S6",),
    messages_believed: ("S", "A", "L"),
    announcements_believed: ("S", "A", "L"),
    acknowledge_before_the_effect: ("S2",),
    install_without_looking: ("S",),
    contradictions_ignored: ("S", "L"),
}
"""Rule taken away to the beginning of the violation that must be found."""

SCOPED: list[tuple[Callable[[], Any], Scope, tuple[str, ...]]] = [
    (messages_believed, a_false_tombstone_is_heard_while_work_is_taken, ("S2", "S4")),
    (messages_believed, messages_of_an_undone_history_are_replayed, ("S", "A", "L")),
    (older_rows_raise_no_doubt, a_restore_is_told_by_a_row_alone, ("A",)),
    (claims_confirm_changes_only, a_restore_is_not_told_by_the_counter, ("A",)),
]
"""Too rare for a seed: the rule taken away, the small world that shows it, the beginning of the violation."""


@pytest.mark.parametrize(
    ("without", "scope", "violated"), SCOPED, ids=lambda value: getattr(value, "__name__", "")
)
def test_without_the_rule_some_order_violates_a_property(
    without: Callable[[], Any], scope: Scope, violated: tuple[str, ...]
) -> None:
    """Red as soon as one order shows it."""
    with without() as rules, pytest.raises(AssertionError) as found:
        explore(scope, max_preemptions=1, keys=("a", "b"), rules=rules)
    print(f"{without.__name__}: {str(found.value).splitlines()[0]}")
    assert str(found.value).startswith(violated)


@pytest.mark.parametrize(
    ("without", "violated"), RULES.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_without_the_rule_a_property_is_violated(
    without: Callable[[], Any], violated: tuple[str, ...]
) -> None:
    """Red as soon as one seed shows it; the seeds that show nothing say nothing."""
    with without() as rules:
        for seed in range(_MAX_SEEDS):
            try:
                run(seed, rules)
            except Violation as violation:
                if str(violation).startswith(violated):
                    print(f"{without.__name__}: seed {seed}: {violation}")
                    return
            except Exception as error:
                assert not isinstance(error, (TypeError, AttributeError)), "the mutation itself is broken"
    raise AssertionError(f"{_MAX_SEEDS} seeds did not notice that {without.__name__}")
