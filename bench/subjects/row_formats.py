"""Formats that keep the document as it is, with one mapping per task instead of columns."""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Callable
from typing import Any

from ..case import Case
from ..documents import copied, deflated, document_case
from ..subject import CodecSubject, Work


def _rows(
    case: Case, dumps: Callable[[Any], bytes], loads: Callable[[bytes], Any], *, deflate: bool = True
) -> Work:
    given = document_case(case)
    data = dumps(given.document)

    def decode() -> dict[str, Any]:
        tasks = loads(copied(data))["dag"]["tasks"]
        return {task["__var"]["task_id"]: task["__var"] for task in tasks}

    def read_task() -> object:
        tasks = decode()
        tasks[given.wanted].get("retries", 0)
        return tasks

    return Work(
        timed={
            "read_task": read_task,
            "encode": lambda: dumps(given.document),
            "restore": lambda: loads(data),
        },
        retained={"resident_bytes": read_task},
        figures={
            "hot_bytes": len(data),  # the format has no hot part, so a reader of one field reads everything
            "hot_bytes_per_task": len(data) / given.n_tasks,
            "document_bytes": len(data),
            "stored_bytes": len(deflated(data) if deflate else data),
        },
    )


def _zlib_json(case: Case) -> Work:
    return _rows(
        case,
        lambda document: zlib.compress(json.dumps(document).encode()),
        lambda data: json.loads(zlib.decompress(data)),
        deflate=False,
    )


def _msgpack(case: Case) -> Work:
    import msgpack

    return _rows(case, msgpack.packb, msgpack.unpackb)


def _pickle(case: Case) -> Work:
    return _rows(case, lambda document: pickle.dumps(document, protocol=5), pickle.loads)


def _rival(
    name: str, title: str, requires: tuple[str, ...], work: Callable[[Case], Work], about: str
) -> CodecSubject:
    return CodecSubject(name, title, frozenset({"format"}), requires, work, is_quick=False, about=about)


SUBJECTS = (
    _rival("zlib_json", "zlib JSON", (), _zlib_json, "the JSON document, compressed as Airflow can store it"),
    _rival(
        "row_msgpack",
        "row MessagePack",
        ("msgpack",),
        _msgpack,
        "the JSON document as MessagePack, a mapping per task",
    ),
    _rival(
        "pickle", "pickle (a bound, never for untrusted bytes)", (), _pickle, "the document as Python objects"
    ),
)
