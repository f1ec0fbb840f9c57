"""What one stored DAG costs: bytes, processor time from bytes to a usable task, memory while it is held."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from ..airflow_home import airflow_environ
from ..case import Case
from ..operations import OperationSession
from ..subject import Subject
from ..suite import Chart, Metric, Session

_SIZES = (5, 100, 1000, 10_000, 100_000)
_LAYERS = {"shape": "layers"}


class FormatSuite:
    """Sizes of one shape for growth, and the other shapes at 1000 tasks for what depends on the shape."""

    name = "format"
    title = "One stored DAG: size, time to a usable task, memory"
    reference = "airflow"
    divisor = "yardstick"
    needs: frozenset[str] = frozenset()
    metrics: Sequence[Metric] = (
        Metric(
            "read_task",
            "stored bytes to one usable task",
            "seconds",
            "sched_cache.format: decode_dag, task",
            includes=("decode", "decode_index"),
        ),
        Metric("decode", "decode the hot part", "seconds", "sched_cache.format: decode_dag"),
        Metric(
            "decode_index",
            "decode, then the index of one task",
            "seconds",
            "sched_cache.format: decode_dag, CompactDag.index",
            includes=("decode",),
        ),
        Metric("encode", "DAG to bytes", "seconds", "sched_cache.format: encode_dag"),
        Metric(
            "restore",
            "bytes to the document that Airflow stores",
            "seconds",
            "sched_cache.format: CompactDag.to_serialized",
            includes=("decode",),
        ),
        Metric(
            "compress", "compress both parts for Redis", "seconds", "sched_cache.format.compression: compress"
        ),
        Metric("decompress", "undo that", "seconds", "sched_cache.format.compression: decompress"),
        Metric("json_loads", "the JSON part of reading", "seconds"),
        Metric("hot_bytes", "what a scheduler reads", "bytes"),
        Metric("hot_bytes_per_task", "what a scheduler reads, per task", "bytes"),
        Metric("document_bytes", "everything, as written", "bytes"),
        Metric("stored_bytes", "everything, compressed", "bytes"),
        Metric("resident_index_bytes", "memory of one DAG, the index of one task looked up", "bytes"),
        Metric("resident_bytes", "memory of one DAG, one field of one task read", "bytes"),
        Metric("resident_used_bytes", "memory of one DAG, one field of every task read", "bytes"),
    )
    charts: Sequence[Chart] = (
        Chart(
            "From stored bytes to one usable task",
            "The time until a scheduler can ask a task of this DAG for a field. Lower is better; a straight "
            "line is the same cost per task.",
            "lines",
            ("read_task",),
            where=_LAYERS,
        ),
        Chart(
            "Memory of one DAG in use",
            "What one DAG keeps allocated, as tracemalloc counts it.",
            "lines",
            ("resident_bytes",),
            where=_LAYERS,
        ),
        Chart(
            "Bytes in Redis",
            "Everything needed to give back the whole DAG, compressed.",
            "lines",
            ("stored_bytes",),
            where=_LAYERS,
        ),
        Chart(
            "From DAG to bytes",
            "Airflow: to_dict of the parsed DAG. The others: from the document that gives.",
            "lines",
            ("encode",),
            where=_LAYERS,
        ),
        Chart(
            "Other shapes, 1000 tasks",
            "The same reading for DAGs of other shapes.",
            "dots",
            ("read_task",),
            where={"n_tasks": 1000},
        ),
    )
    headline: Sequence[str] = ("read_task", "encode", "stored_bytes", "resident_bytes")

    def cases(self, *, quick: bool, seed: int) -> Sequence[Case]:
        sizes = _SIZES[1:3] if quick else _SIZES
        shapes = () if quick else ("chain", "fan", "groups", "mapped", "mixed", "setups")
        return [
            *(Case("format", {"shape": "layers", "n_tasks": n}, seed, 3.0 if quick else 20.0) for n in sizes),
            *(Case("format", {"shape": shape, "n_tasks": 1000}, seed, 10.0) for shape in shapes),
        ]

    def environ(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Mapping[str, str]:
        return airflow_environ(services["home"])

    def open(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Session:
        return OperationSession(subject.open(case), time.process_time)


SUITE = FormatSuite()
