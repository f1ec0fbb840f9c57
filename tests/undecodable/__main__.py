"""Every field of a DAG made undecodable, at every place where a host takes a DAG, with stock beside it.

Run it with the Python of a host: `python -m tests.undecodable`. Its status is 1 if the plugin did worse than stock.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence

from tests.undecodable.fields import READ, fields
from tests.undecodable.installation import host_of_this_process


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.undecodable", description=__doc__)
    parser.add_argument("--field", default="", help="only fields with this in their name")
    parser.add_argument("--entry", default="", help="only entry points with this in their name")
    parser.add_argument("--kind", default="", help="refused, late or read: only fields of this kind")
    parser.add_argument("--every", type=int, default=1, help="each how manieth field (default 1)")
    parser.add_argument(
        "--one-in", type=int, default=1, help="each field at one entry point in so many, in turn"
    )
    parser.add_argument("--seed", type=int, default=11, help="of the order of fields (default 11)")
    parser.add_argument("--minutes", type=float, default=600, help="begin no further field after this")
    parser.add_argument("--worst", type=int, default=60, help="how many differences to print (default 60)")
    chosen = parser.parse_args(arguments)
    with host_of_this_process() as (host, database):
        from tests.undecodable.trial import Trial

        chosen_fields = [
            field
            for field in fields(host.cases(), host.decode)
            if chosen.field in field.name and chosen.kind in field.kind
        ][:: chosen.every]
        random.Random(chosen.seed).shuffle(chosen_fields)
        chosen_fields.sort(key=lambda field: field.kind == READ)
        entries = [entry for entry in host.entries if chosen.entry in entry.name]
        print(f"{len(chosen_fields)} fields, {len(entries)} entry points", flush=True)
        deadline = time.monotonic() + 60 * chosen.minutes
        trial = Trial(host, database, lambda line: print(line, flush=True), chosen.one_in, deadline)
        matrix = trial.run(chosen_fields, entries)
    print(matrix.table())
    worse = matrix.worse()
    for line in worse[: chosen.worst]:
        print(line[:1500])
    print(matrix.summary())
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
