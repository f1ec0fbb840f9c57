"""The session of the suites with timed operations: formats, look-ups, caches."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence

from .memory import retained_bytes
from .subject import Work
from .suite import Round
from .timing import Clock, calls_per_sample, seconds_per_call, yardstick_seconds


class OperationSession:
    """Times each operation of a subject once per round.

    clock: `time.process_time` for work that never waits, so that other processes affect it as little as possible;
    `time.perf_counter` for other work.
    """

    def __init__(self, work: Work, clock: Clock) -> None:
        self._work = work
        self._clock = clock
        self._n_calls: dict[str, int] = {}

    def warm_up(self) -> None:
        self._n_calls = {name: calls_per_sample(operation) for name, operation in self._work.timed.items()}
        # Freezes the existing objects: otherwise collections between samples would walk the host's modules each
        # time.
        gc.collect()
        gc.freeze()

    def round(self) -> Sequence[Round]:
        samples, yardstick = {}, {}
        for name, operation in self._work.timed.items():
            n_calls = self._n_calls[name]
            if (
                n_calls > 1
            ):  # the rounds of other subjects have replaced the content of the processor's caches
                operation()
                yardstick_seconds(self._clock)
            # Disturbances start and end within milliseconds, so each operation has its own yardstick
            # around it.
            before = yardstick_seconds(self._clock)
            samples[name] = seconds_per_call(operation, n_calls, self._clock)
            yardstick[name] = (before + yardstick_seconds(self._clock)) / 2
        return [Round(samples, yardstick)]

    def figures(self) -> Mapping[str, float]:
        retained = {name: retained_bytes(make) for name, make in self._work.retained.items()}
        return {**self._work.figures, **retained, **self._work.counters()}

    def close(self) -> None:
        """Does nothing, because operations hold nothing that outlives the process."""
