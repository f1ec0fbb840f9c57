"""Show the current DAG of a key.

Prints the DAG that a scheduler would get now: from Redis if it is there, else from the database.
"""

from __future__ import annotations

import argparse
import json

from sched_cache.cli.cache_options import add_cache_options, open_cache
from sched_cache.cli.failure import InputError
from sched_cache.cli.table import render

EXAMPLES = """\
  sched-cache get sales               a summary in a few lines
  sched-cache get sales --document    the document that was published
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("key", metavar="KEY", help="usually the dag_id")
    parser.add_argument(
        "--min-version", type=int, default=0, metavar="N", help="fail if there is only an older one"
    )
    parser.add_argument("--document", action="store_true", help="print the whole serialized DAG as JSON")
    add_cache_options(parser)


def run(arguments: argparse.Namespace) -> int:
    with open_cache(arguments) as cache:
        dag = cache.get(arguments.key, arguments.min_version)
        if dag is None:
            raise InputError(arguments.key, "the database has no such DAG")
        if arguments.document:
            print(json.dumps(dag.to_serialized(), indent=None if arguments.json else 2))
            return 0
        source = "redis" if cache.stats()["database"]["contents_read"] == 0 else "database"
    facts = {
        "key": arguments.key,
        "dag_id": dag.dag_id,
        "tasks": dag.n_tasks,
        "content_hash": dag.content_hash,
        "resident_bytes": dag.nbytes,
        "loaded_from": source,
    }
    print(json.dumps(facts) if arguments.json else render(("", ""), list(facts.items())))
    return 0
