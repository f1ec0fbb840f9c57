"""One subject on one case, in a process of its own. Obeys its parent: a JSON line in, a JSON line out.

Whatever the subject prints goes to standard error; answers go to a descriptor that only this file knows.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from .case import Case
from .interpreter import distributions_here
from .memory import peak_rss_bytes
from .plant import plant
from .subject import discover_subjects
from .suite import discover_suites


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    commands = (json.loads(line) for line in sys.stdin)
    try:
        for answer in _serve(next(commands), commands):
            print(json.dumps(answer), file=answers)
    except Exception:
        print(json.dumps({"error": traceback.format_exc()}), file=answers)


def _serve(opening: dict[str, Any], commands: Iterator[str]) -> Iterator[object]:
    if opening["planted"]:
        plant(opening["planted"])
    suite = discover_suites()[opening["suite"]]
    subject = discover_subjects()[opening["subject"]]
    case = Case(**opening["case"])
    with closing(suite.open(case, subject, opening["services"])) as session:
        yield {"versions": distributions_here()}
        for command in commands:
            if command == "warm up":
                session.warm_up()
                yield {}
            elif command == "round":
                measured = session.round()
                yield {"samples": measured.samples, "yardstick": measured.yardstick}
            else:
                peak = peak_rss_bytes()  # before memory is measured, which needs memory
                yield {"figures": session.figures(), "peak_rss_bytes": peak}
                return


if __name__ == "__main__":
    main()
