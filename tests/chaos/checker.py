"""From the journals and the database to the violations, in the words of the protocol's model."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from tests.chaos.worker import EFFECTS
from tests.support.hurt_cluster.edited_files import KEYS
from tests.support.hurt_cluster.journal import read_journals

_CLOCK_TOLERANCE_SECONDS = 0.005


def violations(folder: Path, connection: Connection, prefix: str, staleness_seconds: float) -> list[str]:
    """The properties that were violated. `Watch` checks S1 while the cluster runs."""
    entries = list(read_journals(folder / "journals"))
    found = [f"S3 {entry}" for entry in entries if entry["what"] == "older than learnt"]
    published: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        if entry["what"] == "published":
            published[entry["key"]].append(entry)
    for key, entries_of_key in published.items():
        entries_of_key.sort(key=lambda entry: entry["seq"])
        editions = [entry["edition"] for entry in entries_of_key]
        if editions != sorted(editions):
            found.append(f"S6 {key}: editions in the order of their publication: {editions}")
    for entry in entries:
        if entry["what"] == "read":
            # A publication is noted after its commit, so what is noted is at least that old.
            due = max(
                (
                    one["edition"]
                    for one in published[entry["key"]]
                    if one["at"] < entry["started"] - staleness_seconds - _CLOCK_TOLERANCE_SECONDS
                ),
                default=0,
            )
            if entry["edition"] < due:
                found.append(f"S4 {entry} although edition {due} was older than the bound")
    found += _effects(connection, prefix, published)
    return found


def _effects(connection: Connection, prefix: str, published: dict[str, list[dict[str, Any]]]) -> list[str]:
    found = []
    effects: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for key, edition, seq in connection.execute(text(f"SELECT dag, edition, seq FROM {EFFECTS}")):
        effects[key].append((seq, edition))
    rows = connection.execute(
        text(
            f"SELECT d.{quoted_key(connection)}, d.parsed_seq, a.acknowledged_seq FROM {prefix}dag d "
            f"JOIN {prefix}acknowledged a ON a.{quoted_key(connection)} = d.{quoted_key(connection)}"
        )
    )
    for key, parsed, acknowledged in rows:
        if acknowledged != parsed:
            found.append(f"L {key}: published {parsed}, acknowledged {acknowledged} when all was quiet")
        for one in published[key]:
            if not any(seq >= one["seq"] and edition >= one["edition"] for seq, edition in effects[key]):
                found.append(
                    f"S2 {key}: no effect of edition {one['edition']} or newer, signal {one['seq']} is lost"
                )
    return found


def quoted_key(connection: Connection) -> str:
    """The name of the column `key`, as this database quotes it."""
    return "`key`" if connection.dialect.name in ("mysql", "mariadb") else '"key"'


def summary(folder: Path) -> dict[str, Any]:
    """The numbers of events. Each must be large enough for the check to be meaningful."""
    counts: Counter[str] = Counter()
    slowest = 0.0
    for entry in read_journals(folder / "journals"):
        counts[entry["what"]] += 1
        slowest = max(slowest, entry.get("took", 0.0))
    return {**counts, "slowest_read_seconds": round(slowest, 3), "keys": len(KEYS)}
