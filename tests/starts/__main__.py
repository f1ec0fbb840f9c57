"""Starts the processes of a host with the worst values of every kind of option, several at once, beside stock.

Run it with the Python of a host: `python -m tests.starts`. Its status is 1 if a rule was broken.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.starts.start import STOCK, Start, start
from tests.starts.values import starts
from tests.support.servers import PostgresServer


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.starts", description=__doc__)
    parser.add_argument("--only", default="", help="starts whose name has this in it; stock is always one")
    chosen = parser.parse_args(arguments)
    done: list[Start] = []
    with PostgresServer() as server:
        url = server.url("").rstrip("/")
        for options in (STOCK, *starts(), STOCK):
            if options is not STOCK and chosen.only not in options.name:
                continue
            one = start(url, options)
            print(one, *one.faults, sep="\n  ", flush=True)
            done.append(one)
    late = list(late_ends(done))
    print(*late, sep="\n")
    n_faults = sum(len(one.faults) for one in done)
    print(f"{len(done)} starts, {n_faults} faults, {len(late)} ends later than on stock")
    return 1 if n_faults or late else 0


def late_ends(done: Sequence[Start]) -> list[str]:
    """Ends that took longer than the longest of stock, with room for the noise of a busy machine."""
    longest: dict[str, float] = {}
    for one in done:
        if one.options is STOCK:
            for component, seconds in one.ends.items():
                longest[component] = max(seconds, longest.get(component, 0.0))
    return [
        f"{one.options.name}: {component} ended after {seconds:.1f} s, on stock {longest[component]:.1f} s"
        for one in done
        if one.options is not STOCK
        for component, seconds in one.ends.items()
        if component not in one.swallowed and seconds > 1.5 * longest[component] + 3
    ]


if __name__ == "__main__":
    sys.exit(main())
