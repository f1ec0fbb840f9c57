"""Results as an imagined machine would give them: true costs, noise, neighbours that come and go."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

from bench.results import Record, Results, Run

TRUE_SECONDS = {
    "ours": {"decode": 40e-6, "read_task": 100e-6, "encode": 1e-3},
    "rival": {"read_task": 2e-3, "encode": 5e-3},
}


def make_results(
    seed: int,
    *,
    slower: Mapping[str, float] | None = None,
    machine: float = 1.0,
    noise: float = 0.04,
    hot_bytes: float = 31_000,
    suite: str = "format",
    n_rounds: int = 15,
) -> Results:
    """Two subjects, three cases, three processes. `slower`: metric -> factor, for the product alone."""
    rng = random.Random(seed)
    results = Results(
        Run(suite, "python -m bench run format", "2026-11-22T10:00:00+00:00", "abc", MACHINE, {})
    )
    for n_tasks in (100, 1000, 10_000):
        for process in range(3):
            for subject, costs in TRUE_SECONDS.items():
                layout = math.exp(rng.gauss(0, 0.01))
                samples: dict[str, list[float]] = {metric: [] for metric in costs}
                yardstick: dict[str, list[float]] = {metric: [] for metric in costs}
                for _ in range(n_rounds):
                    for metric, seconds in costs.items():
                        # A busy neighbour hits the operation and the yardstick beside it alike.
                        neighbour = machine * (1.6 if rng.random() < 0.3 else 1.0)
                        factor = (slower or {}).get(metric, 1.0) if subject == "ours" else 1.0
                        cost = seconds * n_tasks / 1000 * factor * layout * neighbour
                        samples[metric].append(cost * math.exp(rng.gauss(0, noise)))
                        yardstick[metric].append(1e-3 * neighbour * math.exp(rng.gauss(0, noise)))
                results.records.append(
                    Record(
                        case=f"shape=layers n_tasks={n_tasks}",
                        parameters={"shape": "layers", "n_tasks": n_tasks},
                        subject=subject,
                        is_product=subject == "ours",
                        process=process,
                        seed=seed,
                        samples=samples,
                        figures={"hot_bytes": hot_bytes} if subject == "ours" else {},
                        yardstick=yardstick,
                        peak_rss_bytes=50_000_000,
                        load=[1.0, 1.5],
                        versions={"python": "3.11.7"},
                    )
                )
    return results


MACHINE = {"cpu": "imagined", "cores": 2, "memory_bytes": 8 << 30, "system": "Linux 6"}
