"""The compact format of one DAG: `encode_dag` writes it, `decode_dag` reads it."""

from sched_cache.format.columns import ABSENT, Column
from sched_cache.format.compact_dag import CompactDag, decode_dag
from sched_cache.format.compression import compress, decompress
from sched_cache.format.encoder import EncodedDag, encode_dag, with_labels
from sched_cache.format.fields import PARTIAL_PREFIX, HotFields
from sched_cache.format.header import FORMAT_VERSION, content_hash_of, part_digest
from sched_cache.format.task import CompactTask
from sched_cache.format.whole import is_named, sound, split

__all__ = [
    "ABSENT",
    "FORMAT_VERSION",
    "PARTIAL_PREFIX",
    "Column",
    "CompactDag",
    "CompactTask",
    "EncodedDag",
    "HotFields",
    "compress",
    "content_hash_of",
    "decode_dag",
    "decompress",
    "encode_dag",
    "is_named",
    "part_digest",
    "sound",
    "split",
    "with_labels",
]
