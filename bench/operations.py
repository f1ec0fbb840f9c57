"""The session of every suite whose subjects bring operations to time: formats, look-ups, caches."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence

from .memory import retained_bytes
from .subject import Work
from .suite import Round
from .timing import Clock, calls_per_sample, seconds_per_call, yardstick_seconds


class OperationSession:
    """Times each operation of a subject once per round.

    clock: `time.process_time` for work that waits for nothing, so that what else runs counts as little as can
    be; `time.perf_counter` for what does.
    """

    def __init__(self, work: Work, clock: Clock) -> None:
        self._work = work
        self._clock = clock
        self._n_calls: dict[str, int] = {}

    def warm_up(self) -> None:
        self._n_calls = {name: calls_per_sample(operation) for name, operation in self._work.timed.items()}
        # What is there now stays: without it, collections between samples would walk the host's modules each
        # time.
        gc.collect()
        gc.freeze()

    def round(self) -> Sequence[Round]:
        samples, yardstick = {}, {}
        for name, operation in self._work.timed.items():
            n_calls = self._n_calls[name]
            if n_calls > 1:  # the other subjects' rounds have emptied the processor's caches
                operation()
                yardstick_seconds(self._clock)
            # A busy neighbour comes and goes within milliseconds, so each operation has its own yardstick
            # around it.
            before = yardstick_seconds(self._clock)
            samples[name] = seconds_per_call(operation, n_calls, self._clock)
            yardstick[name] = (before + yardstick_seconds(self._clock)) / 2
        return [Round(samples, yardstick)]

    def figures(self) -> Mapping[str, float]:
        retained = {name: retained_bytes(make) for name, make in self._work.retained.items()}
        return {**self._work.figures, **retained, **self._work.counters()}

    def close(self) -> None:
        """Operations hold nothing that outlives the process."""
