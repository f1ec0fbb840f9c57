"""The processes that have a version in memory, by their reports."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from sched_cache_airflow.reporting.process_facts import TAIL_DIGITS, tail_of

_WIDTH = TAIL_DIGITS // 2


class Holders:
    """Looks versions up in the reports, so its answers are as old as these."""

    def __init__(self, reports: Sequence[tuple[dict[str, Any], float]]) -> None:
        self._tails = [(str(facts.get("component")), _tails(facts.get("resident"))) for facts, _ in reports]

    def of(self, version_id: Any) -> list[str]:
        """The components, each with the number of its processes if there are several."""
        tail = tail_of(version_id)
        names = [component for component, tails in self._tails if tail in tails]
        counts = {name: names.count(name) for name in names}
        return [
            name if n_processes == 1 else f"{n_processes} {name}s" for name, n_processes in counts.items()
        ]


def _tails(encoded: object) -> frozenset[bytes]:
    try:
        data = base64.b64decode(str(encoded or ""), validate=True)
    except (binascii.Error, ValueError):
        return frozenset()
    return frozenset(data[at : at + _WIDTH] for at in range(0, len(data), _WIDTH))
