"""How long each process of Airflow takes to end with each tier hung, on stock and with the plugin.

Run it with the Python of a host: `python -m tests.ends`. Its status is 1 if one ended more than a second later.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.ends.measure import measure
from tests.hosts.tiers import OFF, WELL, Tiers, Trouble

TROUBLES = (
    Trouble(WELL, WELL),
    Trouble("silent", WELL),
    Trouble(OFF, "silent"),
    Trouble("silent", "silent"),
    Trouble("trickling", "trickling"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.ends", description=__doc__)
    parser.add_argument("--only", default="", help="troubles whose name has this in it")
    chosen = parser.parse_args(arguments)
    print(f"{'tiers':44} {'end':36} {'stock':>7} {'ours':>7}  seconds", flush=True)
    n_late = 0
    with Tiers() as tiers:
        for trouble in TROUBLES:
            if chosen.only in str(trouble):
                for end in measure(tiers, trouble):
                    print(end, flush=True)
                    n_late += end.is_late
    print(f"{n_late} ends came more than a second later than on stock")
    return 1 if n_late else 0


if __name__ == "__main__":
    sys.exit(main())
