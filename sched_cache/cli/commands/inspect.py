"""Show the size of a DAG in every form, and the size of each field.

FILE is JSON as Airflow stores it, or the output of `sched-cache encode`. Sizes are in bytes. "JSON" is the document
on one line, "zlib JSON" the same compressed, "resident" the memory of a DAG that is decoded and not used yet.
"""

from __future__ import annotations

import argparse
import json
import zlib
from dataclasses import asdict
from typing import Any

from sched_cache.cli.anatomy import Piece, pieces_of
from sched_cache.cli.document import GivenDag, add_hot_fields, from_either
from sched_cache.cli.failure import InputError
from sched_cache.cli.files import STANDARD, name_of, read_file, write_file
from sched_cache.cli.table import printable, render
from sched_cache.errors import FormatError
from sched_cache.format import compress, content_hash_of, decode_dag

EXAMPLES = """\
  sched-cache inspect nightly.json
  sched-cache inspect nightly.scd --json | jq '.sizes'
  sched-cache inspect nightly.json --hot-include task.doc_md     what would a hot doc_md cost?
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="JSON or an encoded DAG; - for standard input")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    add_hot_fields(parser)


def run(arguments: argparse.Namespace) -> int:
    given = from_either(arguments.file, read_file(arguments.file), arguments)
    try:
        summary, sizes, pieces = _summary(given), _sizes(given), pieces_of(given.hot, given.cold)
    except FormatError as error:  # sections that restoring the document does not read
        raise InputError(name_of(arguments.file), str(error)) from error
    if arguments.json:
        text = json.dumps({**summary, "sizes": sizes, "pieces": [asdict(piece) for piece in pieces]})
    else:
        tables = _headline(summary), _sizes_table(sizes, summary["n_tasks"]), _pieces_table(pieces)
        text = "\n\n".join(tables)
    write_file(STANDARD, f"{text}\n".encode())
    return 0


def _summary(given: GivenDag) -> dict[str, Any]:
    dag = given.dag
    groups = dag.groups()
    return {
        "dag_id": dag.dag_id,
        "serialized_version": dag.serialized_version,
        "content_hash": content_hash_of(given.hot),
        "n_tasks": dag.n_tasks,
        "n_edges": sum(len(dag.downstream(index)) for index in range(dag.n_tasks)),
        "n_groups": None if groups is None else len(groups) - 1,  # without the root, which no author wrote
    }


def _sizes(given: GivenDag) -> dict[str, int]:
    """Bytes of each form there is."""
    sizes = {}
    if given.document is not None:
        text = json.dumps(given.document).encode()
        sizes = {"json": len(text), "zlib_json": len(zlib.compress(text))}
    parts = {"hot": given.hot} if given.cold is None else {"hot": given.hot, "cold": given.cold}
    for form, in_form in (("", bytes), ("compressed_", compress)):
        sizes_of_parts = {form + name: len(in_form(part)) for name, part in parts.items()}
        sizes |= sizes_of_parts
        if len(parts) > 1:
            sizes[form + "hot_and_cold"] = sum(sizes_of_parts.values())
    sizes["resident_hot"] = decode_dag(given.hot).nbytes
    return sizes


def _headline(summary: dict[str, Any]) -> str:
    counts = f"{summary['n_tasks']:,} tasks, {summary['n_edges']:,} edges"
    if summary["n_groups"]:
        counts += f", {summary['n_groups']:,} groups"
    version = printable(str(summary["serialized_version"]))
    return (
        f"{printable(summary['dag_id'])}: {counts}, document version {version}\n"
        f"content hash {summary['content_hash']}"
    )


def _sizes_table(sizes: dict[str, int], n_tasks: int) -> str:
    def percent_of(form: str, n_bytes: int) -> float | None:
        return 100 * n_bytes / sizes[form] if form in sizes else None

    rows = [
        (
            name.replace("_", " ").replace("json", "JSON"),
            n_bytes,
            n_bytes / n_tasks if n_tasks else None,
            percent_of("json", n_bytes),
            percent_of("zlib_json", n_bytes),
        )
        for name, n_bytes in sizes.items()
    ]
    return render(("form", "bytes", "per task", "% of JSON", "% of zlib JSON"), rows)


def _pieces_table(pieces: list[Piece]) -> str:
    n_part = {"hot": 0, "cold": 0}
    for piece in pieces:
        n_part[piece.part] += piece.n_bytes
    rows = [
        (p.part, p.kind, p.name, p.n_bytes, 100 * p.n_bytes / n_part[p.part], p.coding, p.n_values)
        for p in pieces
    ]
    return render(("part", "what", "name", "bytes", "% of part", "coding", "values"), rows)
