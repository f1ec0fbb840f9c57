"""The burn-in of a certificate: the share of decisions that are compared with the host's, which falls as they agree.

The counts are those of the cluster: each process adds the decisions that agreed there to the table, and reads the sums.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Final
from weakref import WeakKeyDictionary

from sched_cache.format import CompactDag
from sched_cache.scheduling.effective import effective_column
from sched_cache_airflow.certificates.table import MAX_SHAPES

DECISIONS_OF_A_SHAPE: Final = 200
"""The decisions that have to agree on a shape of DAGs."""
SHAPES: Final = 50
"""The number of shapes after which the burn-in ends, even if there are more."""
FIRST_SHARE: Final = 0.1
"""The share of decisions that are compared during the burn-in of a shape."""
LAST_SHARE: Final = 0.01
"""The share that is compared after it."""

_MAX_PENDING: Final = 10_000
# What decides which of the host's rules a task meets.
_FLAGS: Final = (
    "is_setup",
    "is_teardown",
    "on_failure_fail_dagrun",
    "depends_on_past",
    "wait_for_downstream",
    "_needs_expansion",
    "_is_mapped",
    "_can_skip_downstream",
    "_is_sensor",
    "retries",
    "max_active_tis_per_dag",
    "max_active_tis_per_dagrun",
    "deps",
)


def shape_of(dag: CompactDag) -> str:
    """The digest of what decides which rules a DAG meets, in 16 hexadecimal digits.

    DAGs have one shape if they have the same trigger rules, the same kinds of tasks, and about as many tasks and edges:
    between the same powers of two. Cost: linear in tasks and edges.
    """
    n_edges = sum(len(dag.downstream(index)) for index in range(dag.n_tasks))
    kinds = sorted(name for name in _FLAGS if any(effective_column(dag, name)))
    rules = sorted(set(map(str, effective_column(dag, "trigger_rule"))))
    fails_fast = bool(dag.field("fail_fast"))
    shape = (dag.n_tasks.bit_length(), n_edges.bit_length(), rules, kinds, fails_fast)
    return blake2b(repr(shape).encode(), digest_size=8).hexdigest()


class BurnIn:
    """One thread asks for the share and notes decisions that agreed; another one takes the notes and sets the sums."""

    def __init__(self, shape: Callable[[CompactDag], str] = shape_of) -> None:
        self._shape = shape
        self._shapes: WeakKeyDictionary[CompactDag, str] = WeakKeyDictionary()
        self._pending: deque[str] = deque(maxlen=_MAX_PENDING)
        self._agreed: Mapping[str, int] = {}

    def share(self, dag: CompactDag) -> float:
        """The share of the decisions on this DAG that are compared."""
        agreed = self._agreed
        is_done = agreed.get(self._shape_of(dag), 0) >= DECISIONS_OF_A_SHAPE
        return LAST_SHARE if is_done or self.n_done >= SHAPES else FIRST_SHARE

    def note_agreed(self, dag: CompactDag) -> None:
        """Notes a decision that agreed."""
        self._pending.append(self._shape_of(dag))

    def take(self) -> dict[str, int]:
        """Shape -> decisions that agreed since the last call. Shapes beyond the limit are left out."""
        taken: dict[str, int] = {}
        while self._pending:
            shape = self._pending.popleft()
            if shape in self._agreed or len(self._agreed.keys() | taken.keys()) < MAX_SHAPES:
                taken[shape] = taken.get(shape, 0) + 1
        return taken

    def set(self, agreed: Mapping[str, int]) -> None:
        """`agreed`: shape -> decisions that agreed in the cluster."""
        self._agreed = dict(agreed)

    def forget(self) -> None:
        """Forgets the notes that were not taken: those of a parent process, or of another certificate."""
        self._pending.clear()

    @property
    def n_done(self) -> int:
        """The shapes on which enough decisions agreed."""
        return sum(n_agreed >= DECISIONS_OF_A_SHAPE for n_agreed in self._agreed.values())

    @property
    def n_seen(self) -> int:
        """The shapes on which any decision agreed."""
        return len(self._agreed)

    def _shape_of(self, dag: CompactDag) -> str:
        found = self._shapes.get(dag)
        if found is None:
            found = self._shapes[dag] = self._shape(dag)
        return found
