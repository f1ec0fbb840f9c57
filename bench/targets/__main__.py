"""`python -m bench.targets [MEASURE ...]`: a table; status 1 if a promise was not kept."""

from __future__ import annotations

import sys
from contextlib import ExitStack

from sqlalchemy import create_engine, text

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
    width = max(len(row.what) for row in rows)
    print(f"{'':{width}}       seen    at most")
    for row in rows:
        verdict = "" if row.is_kept else "  not kept"
        print(f"{row.what:{width}} {row.seen:10.3f} {row.at_most:10g} {row.unit}{verdict}")
    return 0 if all(row.is_kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
