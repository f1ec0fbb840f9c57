"""How a process that is driven by another answers: JSON lines that nothing else can get in between."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any


def open_answers() -> Callable[[object], None]:
    """What to answer with. Whatever else this process prints goes to standard error from now on."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return lambda answer: print(json.dumps(answer), file=answers)


def commands() -> Iterator[Any]:
    """What the other process says, line by line; ends when it closes its end."""
    return (json.loads(line) for line in iter(sys.stdin.readline, ""))
