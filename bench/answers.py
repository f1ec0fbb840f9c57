"""Commands to a process and its answers, as JSON lines that no other output can interrupt."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any


def open_answers() -> Callable[[object], None]:
    """A function that sends an answer. All other output of this process goes to standard error from now on."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return lambda answer: print(json.dumps(answer), file=answers)


def commands() -> Iterator[Any]:
    """The lines of the other process, decoded. Ends when that process closes its end."""
    return (json.loads(line) for line in iter(sys.stdin.readline, ""))
