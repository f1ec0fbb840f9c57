"""The cost of one stored DAG: bytes, processor time from bytes to a usable task, memory while it is held."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from ..airflow_home import airflow_environ
from ..case import Case, Parameter
from ..operations import OperationSession
from ..size import Size
from ..subject import Subject
from ..suite import Chart, Metric, Session

_LAYERS = {"shape": "layers"}
# Numbers of tasks, shapes with 1000 tasks, seconds of measuring per subject, sets of processes.
_EXTENT: Mapping[Size, tuple[Sequence[int], Sequence[str], float, int]] = {
    Size.QUICK: ((100, 1000), (), 1.0, 1),
    Size.STANDARD: ((5, 100, 1000, 10_000), (), 2.5, 2),
    Size.THOROUGH: (
        (5, 100, 1000, 10_000, 100_000),
        ("chain", "fan", "groups", "mapped", "mixed", "setups"),
        20.0,
        3,
    ),
}


class FormatSuite:
    """Sizes of one shape for growth, and the other shapes at 1000 tasks for what depends on the shape."""

    name = "format"
    title = "One stored DAG: size, time to a usable task, memory"
    reference = "airflow"
    divisor = "yardstick"
    needs: frozenset[str] = frozenset()
    minutes: Mapping[Size, float] = {Size.QUICK: 0.15, Size.STANDARD: 1.7}
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

    def cases(self, size: Size, seed: int) -> Sequence[Case]:
        sizes, shapes, budget, n_processes = _EXTENT[size]

        def case(shape: str, n_tasks: int) -> Case:
            # Large ones take half a minute to build, and their rounds are long enough for one process to tell.
            n = 1 if n_tasks > 1000 and size is not Size.THOROUGH else n_processes
            parameters: dict[str, Parameter] = {"shape": shape, "n_tasks": n_tasks}
            return Case("format", parameters, seed, budget, min_rounds=10, max_processes=n)

        return [*(case("layers", n) for n in sizes), *(case(shape, 1000) for shape in shapes)]

    def environ(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Mapping[str, str]:
        return airflow_environ(services["home"])

    def open(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Session:
        return OperationSession(subject.open(case), time.process_time)


SUITE = FormatSuite()
