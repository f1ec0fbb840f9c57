"""The eviction order of L1, which is resistant to scans."""

from __future__ import annotations

import math
import random
from collections import OrderedDict
from collections.abc import Callable
from heapq import heapify, heappop, heappush, heapreplace
from typing import Generic, Protocol, TypeVar


class Measured(Protocol):
    """A value that knows how much memory it holds."""

    @property
    def nbytes(self) -> int: ...


D = TypeVar("D", bound=Measured)

_PROBATION, _PROTECTED, _GONE = range(3)
_IDLE_INTERVALS = 2
_INTERVAL_WEIGHT = 1 / 32
_LUCK = 1 / 32
_MAX_LOOKS = 16
_MIN_MEMORY = 1024


class Resident(Generic[D]):
    """One content in L1. `stamp` is the only field that a reader writes."""

    __slots__ = ("_arrived", "_segment", "content_hash", "dag", "keys", "loaded_nbytes", "nbytes", "stamp")

    def __init__(self, content_hash: str, dag: D, nbytes: int, loaded_nbytes: int) -> None:
        self.content_hash = content_hash
        self.dag = dag
        self.nbytes = nbytes
        self.loaded_nbytes = loaded_nbytes
        """Bytes of the DAG alone when it was admitted."""
        self.keys: tuple[str, ...] = ()
        self.stamp = 0
        """The order's tick at the last use. Readers store it without a lock; a lost update costs little."""
        self._arrived = 0
        self._segment = _GONE


class EvictionOrder(Generic[D]):
    """Decides, when there is no room, whether a newcomer or an older resident is evicted. Not thread-safe.

    A scheduler visits its DAGs in turn. Once there are more DAGs than places, an LRU evicts each of them just
    before its next use. Therefore a newcomer has to earn a place. Time is counted in admissions, the `tick`:

    - While there is room, every newcomer gets a place.
    - The mean *reuse interval* is learnt from contents that come back: the ticks since their last use.
      `_last_used` remembers evicted contents for this purpose.
    - A newcomer takes the place of the resident that was unused for longest if that resident has been idle for
      more than twice the mean interval: a resident that is still in use would have been read since. Otherwise
      the newcomer waits in a small first-in first-out probation, where another use in time gives it the same
      chance again.
    - A mean that no reuse has confirmed for a long time is ignored: the scan is longer than `_last_used`
      reaches back.
    - One unknown newcomer in 32 gets a place in any case, so that a wrong mean corrects itself, and a scan
      that is longer than anything remembered still keeps some contents.

    The last rule alone is bimodal insertion (Qureshi et al., ISCA 2007). Comparing reuse interval with idle
    time is the idea of LIRS (Jiang and Zhang, SIGMETRICS 2002). Here all contents share one mean, because
    single intervals vary too much when a scheduler visits its DAGs in a changing order.

    Ages are exact although a use moves nothing: a heap holds each stamp as it was when it was last examined,
    and a resident that reaches the top with a newer stamp is pushed down again.
    """

    def __init__(
        self,
        max_bytes: int,
        max_entries: int,
        drop: Callable[[Resident[D]], None],
        source: random.Random,
    ) -> None:
        self.tick = 0
        self._max_bytes = max_bytes
        self._probation_max_bytes = max_bytes // 64
        self._probation_max_entries = max(1, max_entries // 64)
        self._protected_max_bytes = max_bytes - self._probation_max_bytes
        self._protected_max_entries = max_entries - self._probation_max_entries
        self._drop = drop
        self._random = source.random
        self.clear()

    def clear(self) -> None:
        """Forgets every resident without calling `drop`."""
        self._heap: list[tuple[int, int, Resident[D]]] = []
        self._n_protected = 0
        self._protected_bytes = 0
        self._probation: OrderedDict[str, Resident[D]] = OrderedDict()
        self._probation_bytes = 0
        self._last_used: OrderedDict[str, int] = OrderedDict()
        self._mean_interval = math.inf
        self._learnt_at = 0
        self._n_pushed = 0

    @property
    def nbytes(self) -> int:
        """Bytes of all residents."""
        return self._protected_bytes + self._probation_bytes

    def admit(self, newcomer: Resident[D]) -> bool:
        """Whether `newcomer` stays; calls `drop` for each resident that is evicted for it."""
        self.tick += 1
        newcomer.stamp = newcomer._arrived = self.tick
        last_used = self._last_used.pop(newcomer.content_hash, None)
        if last_used is not None:
            self._learn_interval(self.tick - last_used)
        is_lucky = last_used is None and not self._has_room(newcomer) and self._random() < _LUCK
        if self._take_place(newcomer, is_lucky) or self._try_out(newcomer):
            return True
        self._remember(newcomer)
        return False

    def remove(self, resident: Resident[D]) -> None:
        """Takes `resident` out of the order without calling `drop`."""
        if resident._segment == _PROBATION:
            del self._probation[resident.content_hash]
            self._probation_bytes -= resident.nbytes
        elif resident._segment == _PROTECTED:
            self._n_protected -= 1
            self._protected_bytes -= resident.nbytes
            self._compact()
        resident._segment = _GONE

    def resize(self, resident: Resident[D], nbytes: int) -> None:
        """Records the new size of `resident`; calls `drop` for residents that no longer fit, oldest first."""
        grown = nbytes - resident.nbytes
        if resident._segment == _PROBATION:
            self._probation_bytes += grown
        else:
            self._protected_bytes += grown
        resident.nbytes = nbytes
        while self.nbytes > self._max_bytes:
            victim = next(iter(self._probation.values()), None) or self._oldest()
            assert victim is not None, "no resident, yet bytes in use"
            self._evict(victim)

    def _learn_interval(self, interval: int) -> None:
        mean = self._mean_interval
        self._mean_interval = (
            mean + (interval - mean) * _INTERVAL_WEIGHT if self._is_mean_true() else interval
        )
        self._learnt_at = self.tick

    def _is_mean_true(self) -> bool:
        return self._mean_interval < math.inf and self.tick - self._learnt_at <= 2 * self._n_protected

    def _has_room(self, resident: Resident[D]) -> bool:
        """Whether there is a protected place. A resident too large for probation may use that room as well."""
        if self._n_protected >= self._protected_max_entries:
            return False
        protected_bytes = self._protected_bytes + resident.nbytes
        if resident.nbytes > self._probation_max_bytes:
            return protected_bytes + self._probation_bytes <= self._max_bytes
        return protected_bytes <= self._protected_max_bytes

    def _take_place(self, resident: Resident[D], is_lucky: bool) -> bool:
        while not self._has_room(resident):
            oldest = self._oldest()
            if oldest is None or not (is_lucky or self._is_idle(oldest)):
                return False
            self._evict(oldest)
        resident._segment = _PROTECTED
        self._n_protected += 1
        self._protected_bytes += resident.nbytes
        self._push(resident)
        return True

    def _try_out(self, newcomer: Resident[D]) -> bool:
        while self._probation and not self._has_probation_room(newcomer):
            oldest = next(iter(self._probation.values()))
            # Several uses within one tick count as one use: they do not predict the next visit.
            interval = oldest.stamp - oldest._arrived
            if interval > 0:
                self._learn_interval(interval)
                self.remove(oldest)
                if self._take_place(oldest, is_lucky=False):
                    continue
            self._evict(oldest)
        if not self._has_probation_room(newcomer):
            return False
        newcomer._segment = _PROBATION
        self._probation[newcomer.content_hash] = newcomer
        self._probation_bytes += newcomer.nbytes
        return True

    def _has_probation_room(self, newcomer: Resident[D]) -> bool:
        probation_bytes = self._probation_bytes + newcomer.nbytes
        return (
            len(self._probation) < self._probation_max_entries
            and probation_bytes <= self._probation_max_bytes
            and probation_bytes + self._protected_bytes <= self._max_bytes
        )

    def _is_idle(self, resident: Resident[D]) -> bool:
        return self._is_mean_true() and self.tick - resident.stamp > _IDLE_INTERVALS * self._mean_interval

    def _oldest(self) -> Resident[D] | None:
        """The protected resident that was unused for longest, or, after 16 attempts, a good approximation."""
        heap = self._heap
        looks = 0
        while heap:
            stamp, _, resident = heap[0]
            if resident._segment != _PROTECTED:
                heappop(heap)
            elif resident.stamp == stamp or looks == _MAX_LOOKS:
                return resident
            else:
                looks += 1
                self._n_pushed += 1
                heapreplace(heap, (resident.stamp, self._n_pushed, resident))
        return None

    def _push(self, resident: Resident[D]) -> None:
        self._n_pushed += 1
        heappush(self._heap, (resident.stamp, self._n_pushed, resident))

    def _compact(self) -> None:
        """Rebuilds the heap without removed residents once they are more than half of it."""
        if len(self._heap) > 2 * self._n_protected + _MAX_LOOKS:
            self._heap = [item for item in self._heap if item[2]._segment == _PROTECTED]
            heapify(self._heap)

    def _evict(self, resident: Resident[D]) -> None:
        self.remove(resident)
        self._remember(resident)
        self._drop(resident)

    def _remember(self, resident: Resident[D]) -> None:
        self._last_used[resident.content_hash] = resident.stamp
        if len(self._last_used) > _MIN_MEMORY + 4 * (self._n_protected + len(self._probation)):
            self._last_used.popitem(last=False)
