"""The public API as a reader would write it; `mypy --strict` checks this file, nothing runs it."""

from __future__ import annotations

import json
from pathlib import Path

from sched_cache import CompactDag, FormatError, InvalidDagError
from sched_cache.format import (
    ABSENT,
    FORMAT_VERSION,
    Column,
    CompactTask,
    EncodedDag,
    HotFields,
    compress,
    content_hash_of,
    decode_dag,
    decompress,
    encode_dag,
    part_digest,
)


def publish(path: Path) -> EncodedDag | None:
    try:
        encoded: EncodedDag = encode_dag(json.loads(path.read_text()))
    except InvalidDagError as error:
        dag_id: str | None = error.dag_id
        print(dag_id, error.field, error.reason)
        return None
    hot: bytes = encoded.hot
    digest: bytes = part_digest(encoded.cold)
    content_hash: str = encoded.content_hash
    assert content_hash == content_hash_of(hot) and len(digest) == 16
    return encoded


def publish_with_other_hot_fields(serialized: dict[str, object]) -> bytes:
    chosen: HotFields = HotFields.choose(include=["task.doc_md"], exclude={"dag.fileloc"})
    wire: bytes = compress(encode_dag(serialized, chosen).hot)
    return decompress(wire, max_bytes=1 << 30)


def read(hot: bytes, cold: bytes) -> CompactDag | None:
    def fetch() -> bytes | None:
        return cold

    try:
        for source in (cold, fetch, None):
            decode_dag(hot, cold=source)
        return decode_dag(hot, cold, content_hash=content_hash_of(hot))
    except FormatError as error:
        reason: str = error.reason
        print(reason, FORMAT_VERSION)
        return None


def use(dag: CompactDag) -> dict[str, object]:
    dag_id: str = dag.dag_id
    n_tasks: int = dag.n_tasks
    task_ids: tuple[str, ...] = dag.task_ids
    n_bytes: int = dag.nbytes
    index: int = dag.index("extract")
    upstream: memoryview[int] = dag.upstream(index)
    downstream: list[int] = dag.downstream(index).tolist()
    pools: Column = dag.column("pool")
    has_pool: list[bool] = [value is not ABSENT for value in pools]
    task: CompactTask = dag.task("extract")
    parents: list[str] = task.upstream_task_ids
    retries: int = task.retries + dag.value(index, "retries", default=0)
    leaves: list[int] = dag.derived_value("effective_leaves")
    print(dag_id, n_tasks, task_ids, n_bytes, upstream[0], downstream, has_pool, parents, retries, leaves)
    return dag.to_serialized()
