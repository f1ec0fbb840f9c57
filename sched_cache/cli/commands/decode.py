"""Decode a compact DAG into the JSON it was made from.

The output has the same values as the JSON that was encoded; only the order of keys and the white space may differ.
"""

from __future__ import annotations

import argparse
import json

from sched_cache.cli.document import from_container
from sched_cache.cli.failure import InputError
from sched_cache.cli.files import STANDARD, name_of, read_file, write_file

EXAMPLES = """\
  sched-cache decode nightly.scd                 prints one line of JSON
  sched-cache decode nightly.scd --indent 2 -o nightly.json
  sched-cache encode nightly.json -o - | sched-cache decode - | jq '.dag.tasks | length'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="output of `sched-cache encode`; - for standard input")
    parser.add_argument("-o", "--output", metavar="OUT", default=STANDARD, help="default: standard output")
    parser.add_argument("--indent", type=int, metavar="N", help="spread over lines, N spaces a level")


def run(arguments: argparse.Namespace) -> int:
    given = from_container(arguments.file, read_file(arguments.file))
    if given.cold is None:
        raise InputError(name_of(arguments.file), "holds the hot part alone; the document is in both")
    text = json.dumps(given.document, indent=arguments.indent)
    write_file(arguments.output, f"{text}\n".encode())
    return 0
