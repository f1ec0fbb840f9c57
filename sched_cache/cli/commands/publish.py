"""Publish serialized DAGs.

Each FILE is the JSON that Airflow stores in serialized_dag.data. A file that is not a DAG, or cannot be read, is
reported and left out; the others are published all the same.
"""

from __future__ import annotations

import argparse
import json
import sys

from sched_cache.cli.cache_options import add_cache_options, open_cache
from sched_cache.cli.failure import InputError, UsageError
from sched_cache.cli.files import name_of, read_file
from sched_cache.cli.progress import Progress
from sched_cache.cli.table import render
from sched_cache.errors import InvalidDagError
from sched_cache.format import HotFields, encode_dag

EXAMPLES = """\
  sched-cache publish dags/*.json
  sched-cache publish sales.json --key sales-v2
  sched-cache publish sales.json --signal        schedulers look again even if nothing changed
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="JSON; - for standard input")
    parser.add_argument("--key", help="instead of the dag_id; for one FILE only")
    parser.add_argument("--signal", action="store_true", help="raise the fresh flag in any case")
    add_cache_options(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.key and len(arguments.files) > 1:
        raise UsageError("--key goes with one FILE only")
    published, code = [], 0
    progress = Progress("publishing", len(arguments.files))
    with open_cache(arguments) as cache:
        hot_fields = HotFields.choose(cache.config.hot_include, cache.config.hot_exclude)
        for path in arguments.files:
            try:
                encoded = encode_dag(_parsed(path), hot_fields)
                published.append(
                    cache.publish(arguments.key or encoded.dag_id, encoded, signal=arguments.signal)
                )
            except (InputError, InvalidDagError, UsageError) as error:
                code = max(code, 2 if isinstance(error, UsageError) else 1)
                reason = f"{name_of(path)}: {error}" if isinstance(error, InvalidDagError) else error
                print(f"sched-cache publish: {reason}", file=sys.stderr)
            progress.advance()
    progress.close()
    if arguments.json:
        for one in published:
            fields = ("key", "version", "parsed_seq", "content_hash", "changed")
            print(json.dumps({field: getattr(one, field) for field in fields}))
    else:
        rows = [(one.key, one.version, one.parsed_seq, "yes" if one.changed else "no") for one in published]
        print(render(("key", "version", "parsed_seq", "changed"), rows))
    return code


def _parsed(path: str) -> object:
    try:
        return json.loads(read_file(path))
    except RecursionError:
        raise InputError(name_of(path), "is nested too deeply") from None
    except ValueError as error:
        raise InputError(name_of(path), f"is not JSON: {error}") from None
