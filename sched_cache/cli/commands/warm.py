"""Fill Redis with every content that it lacks.

The command may be stopped and run again: it skips contents that are in Redis by then. The exit code is 1 if Redis did
not accept a content, or if a copy in the database is damaged; `sched-cache verify` names damaged copies.
"""

from __future__ import annotations

import argparse
import json

from sched_cache.cli.cache_options import add_cache_options, config_of, current_pointers
from sched_cache.cli.failure import UsageError
from sched_cache.cli.progress import Progress
from sched_cache.clock import SystemClock
from sched_cache.format import sound
from sched_cache.stats import Stats
from sched_cache.store.l2 import Answer
from sched_cache.store.redis import open_l2

EXAMPLES = """\
  sched-cache warm --redis-url redis://cache:6379/0
"""
_BATCH = 128


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_cache_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from sched_cache.store.sql import SqlStore

    config = config_of(arguments)
    if config.redis_url is None:
        raise UsageError("no Redis to fill: set SCHED_CACHE__REDIS_URL or --redis-url")
    store, l2 = SqlStore.configured(config), open_l2(config, Stats(), SystemClock())
    present = written = failed = 0
    try:
        pointers = current_pointers(store)
        progress = Progress("warming", len(pointers))
        for start in range(0, len(pointers), _BATCH):
            batch = {pointer.content_hash or "": pointer.key for pointer in pointers[start : start + _BATCH]}
            answers = l2.get_many(batch)
            missing = [content_hash for content_hash, answer in answers.items() if isinstance(answer, Answer)]
            stored = store.read_whole([batch[content_hash] for content_hash in missing])
            # DAGs without data were deleted a moment ago.
            found = [(row.pointer.content_hash, row.data) for row in stored.values() if row.data is not None]
            checked = {name: sound(both, name, config.max_content_bytes) for name, both in found if name}
            parts = {name: part for name, part in checked.items() if part is not None}
            n_written = len(parts) if not parts or l2.put_many(parts) else 0
            present += len(batch) - len(missing)
            written += n_written
            failed += len(found) - n_written
            progress.advance(len(pointers[start : start + _BATCH]))
        progress.close()
    finally:
        l2.close()
        store.close()
    counts = {"already_there": present, "written": written, "failed": failed}
    print(json.dumps(counts) if arguments.json else _in_words(counts))
    return 1 if failed else 0


def _in_words(counts: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {what.replace('_', ' ')}" for what, n in counts.items())
