"""A process that runs one subject on one case. Each JSON line from its parent gets a JSON line as answer."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from .answers import commands, open_answers
from .case import Case
from .interpreter import distributions_here
from .memory import peak_rss_bytes
from .plant import plant
from .subject import find_subject
from .suite import Round, discover_suites


def main() -> None:
    answer, orders = open_answers(), commands()
    try:
        for answered in _serve(next(orders), orders):
            answer(answered)
    except Exception:
        answer({"error": traceback.format_exc()})


def _serve(opening: dict[str, Any], orders: Iterator[str]) -> Iterator[object]:
    if opening["planted"]:
        plant(opening["planted"])
    suite = discover_suites()[opening["suite"]]
    subject = find_subject(opening["subject"])
    case = Case(**opening["case"])
    with closing(suite.open(case, subject, opening["services"])) as session:
        yield {"versions": distributions_here()}
        parts: Iterator[Round] | None = None
        for command in orders:
            if command == "warm up":
                session.warm_up()
                yield {}
            elif command == "part":
                parts = parts or iter(session.round())
                part = next(parts, None)
                if part is None:
                    parts = None
                    yield {"round": "over"}
                else:
                    yield {"samples": part.samples, "yardstick": part.yardstick}
            else:
                peak = peak_rss_bytes()  # before memory is measured, because measuring needs memory
                yield {"figures": session.figures(), "peak_rss_bytes": peak}
                return


if __name__ == "__main__":
    main()
