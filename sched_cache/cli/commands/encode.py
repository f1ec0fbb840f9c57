"""Encode a serialized DAG into its compact form.

FILE is the JSON that Airflow stores in serialized_dag.data, of any version. The output holds the hot and the cold part.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sched_cache.cli.container import join
from sched_cache.cli.document import add_hot_fields, from_json
from sched_cache.cli.files import STANDARD, read_file, write_file
from sched_cache.format import content_hash_of

EXAMPLES = """\
  sched-cache encode nightly.json                writes nightly.scd
  sched-cache encode nightly.json -o /tmp/n.scd
  psql -Atc "SELECT data FROM serialized_dag WHERE dag_id = 'nightly'" | sched-cache encode - -o nightly.scd
  sched-cache encode nightly.json --hot-include task.doc_md --hot-exclude dag.params
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="JSON; - for standard input")
    parser.add_argument("-o", "--output", metavar="OUT", help="default: FILE.scd in place of FILE.json")
    add_hot_fields(parser)


def run(arguments: argparse.Namespace) -> int:
    given = from_json(arguments.file, read_file(arguments.file), arguments)
    assert given.cold is not None  # JSON always has both parts
    output = arguments.output or _output_for(arguments.file)
    write_file(output, join(given.hot, given.cold))
    if output != STANDARD:
        sizes = f"{len(given.hot):,} hot + {len(given.cold):,} cold bytes"
        print(f"{output}: {sizes}, content hash {content_hash_of(given.hot)}", file=sys.stderr)
    return 0


def _output_for(path: str) -> str:
    return STANDARD if path == STANDARD else str(Path(path).with_suffix(".scd"))
