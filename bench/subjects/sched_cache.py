"""The product, and MessagePack alone, which reads the same bytes."""

from __future__ import annotations

from ..case import Case
from ..documents import copied, document_case
from ..lookup.held_dags import memory_of_cache
from ..lookup.product import product_work
from ..replay.works import product_replay
from ..subject import CodecSubject, Work


def _product(case: Case) -> Work:
    openers = {
        "format": _compact,
        "lookup": product_work,
        "memory": memory_of_cache,
        "replay": product_replay,
    }
    return openers[case.suite](case)


def _compact(case: Case) -> Work:
    from sched_cache.format import decode_dag, encode_dag
    from sched_cache.format.compression import compress, decompress

    given = document_case(case)
    encoded = encode_dag(given.document)
    hot, cold = encoded.hot, encoded.cold
    packed = compress(hot), compress(cold)

    def read_task() -> object:
        dag = decode_dag(copied(hot))
        _ = dag.task(given.wanted).retries
        return dag

    def decode_index() -> object:
        dag = decode_dag(copied(hot))
        dag.index(given.wanted)
        return dag

    def use_every_task() -> object:
        dag = decode_dag(copied(hot))
        for task_id in given.task_ids:
            _ = dag.task(task_id).retries
        return dag

    return Work(
        timed={
            "read_task": read_task,
            "decode": lambda: decode_dag(copied(hot)),
            "decode_index": decode_index,
            "encode": lambda: encode_dag(given.document),
            "restore": lambda: decode_dag(hot, cold=cold).to_serialized(),
            "compress": lambda: (compress(hot), compress(cold)),
            "decompress": lambda: (decompress(packed[0], len(hot)), decompress(packed[1], len(cold))),
        },
        retained={
            "resident_index_bytes": decode_index,
            "resident_bytes": read_task,
            "resident_used_bytes": use_every_task,
        },
        figures={
            "hot_bytes": len(hot),
            "hot_bytes_per_task": len(hot) / given.n_tasks,
            "document_bytes": len(hot) + len(cold),
            "stored_bytes": sum(map(len, packed)),
            "hot_stored_bytes": len(packed[0]),
        },
    )


def _bare(case: Case) -> Work:
    import msgpack

    from sched_cache.format import encode_dag
    from sched_cache.format.header import HEADER_BYTES

    given = document_case(case)
    hot = encode_dag(given.document).hot

    def read_task() -> object:
        _, _, task_ids, _, *others = msgpack.unpackb(copied(hot)[HEADER_BYTES:])
        sections = [msgpack.unpackb(section) for section in (task_ids, *others)]
        index_of = {task_id: index for index, task_id in enumerate(sections[0])}
        _ = index_of[given.wanted]
        return sections, index_of

    return Work(
        timed={"read_task": read_task},
        retained={"resident_bytes": read_task},
        figures={"hot_bytes": len(hot)},
    )


SUBJECTS = (
    CodecSubject(
        "bare_msgpack",
        "msgpack.unpackb of the same bytes, and an index",
        frozenset({"format"}),
        ("msgpack",),
        _bare,
        is_quick=False,
        about="what MessagePack alone takes for what sched_cache stores: a bound",
    ),
    CodecSubject(
        "sched_cache",
        "sched_cache",
        frozenset({"format", "lookup", "memory", "replay", "scale"}),
        ("msgpack",),
        _product,
        is_product=True,
        about="the library by itself, without Airflow around it",
    ),
)
