"""`python -m bench.targets [MEASURE ...]`: a table; status 1 if a promise was not kept."""

from __future__ import annotations

import sys
from contextlib import ExitStack

from sqlalchemy import create_engine, text

from sched_cache.cli.table import render

from ..servers import postgres_server, redis_server
from .measures import MEASURES, Servers, run


def main(names: list[str]) -> int:
    unknown = set(names) - {measure.__name__ for measure in MEASURES}
    if unknown:
        known = ", ".join(measure.__name__ for measure in MEASURES)
        print(f"no measure called {', '.join(sorted(unknown))}; there are {known}", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        server = stack.enter_context(postgres_server())

        def database(name: str) -> str:
            engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT", future=True)
            with engine.connect() as connection:
                connection.execute(text(f'CREATE DATABASE "{name.lower()}"'))
            engine.dispose()
            return f"{server}/{name.lower()}"

        rows = run(Servers(database, stack.enter_context(redis_server())), names)
    cells = [
        (row.what, f"{row.seen:.3f}", f"{row.at_most:g}", row.unit, "" if row.is_kept else "not kept")
        for row in rows
    ]
    print(render(("", "seen", "at most", "unit", ""), cells, numeric=("seen", "at most")))
    return 0 if all(row.is_kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
