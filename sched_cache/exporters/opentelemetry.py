"""OpenTelemetry: observable instruments, read at each collection. Needs the extra `otel`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from opentelemetry.metrics import CallbackOptions, Meter, Observation, get_meter

from sched_cache.exporters.series import Series, SeriesKind, series_of
from sched_cache.stats import Snapshot


def observe(snapshot: Callable[[], Snapshot], meter: Meter | None = None) -> None:
    """Creates one instrument per series of `meter`, by default of the global provider.

    Names are `sched_cache.<tier>.<counter>`, `sched_cache.<tier>.<operation>_seconds.count`, `.p50` and
    `.p99`, `sched_cache.<gauge>`, and `sched_cache.fallbacks` with the attribute `reason`.
    """
    meter = meter or get_meter("sched_cache")

    def fallbacks(_: CallbackOptions) -> Iterable[Observation]:
        for reason, count in snapshot()["fallbacks"].items():
            yield Observation(count, {"reason": reason})

    meter.create_observable_counter("sched_cache.fallbacks", [fallbacks])
    for series in series_of(snapshot()):
        if series.reason is None:
            _observe_series(snapshot, meter, series)


def _observe_series(snapshot: Callable[[], Snapshot], meter: Meter, series: Series) -> None:
    name = ".".join(filter(None, ("sched_cache", series.section, series.name)))
    section = series.section or "gauges"

    def value(_: CallbackOptions) -> Iterable[Observation]:
        yield Observation(snapshot()[section][series.name])

    def part(field: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        return lambda _: [Observation(snapshot()[section][series.name][field])]

    if series.kind is SeriesKind.HISTOGRAM:
        meter.create_observable_counter(f"{name}.count", [part("count")])
        for quantile in ("p50", "p99"):
            meter.create_observable_gauge(f"{name}.{quantile}", [part(quantile)], unit="s")
    elif series.kind is SeriesKind.GAUGE:
        meter.create_observable_gauge(name, [value])
    else:
        meter.create_observable_counter(name, [value])
