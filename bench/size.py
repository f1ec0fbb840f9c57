"""How much of a suite is run."""

from __future__ import annotations

import enum


class Size(enum.Enum):
    """QUICK ends within minutes and needs no server; results are committed of STANDARD; THOROUGH takes hours."""

    QUICK = "quick"
    STANDARD = "standard"
    THOROUGH = "thorough"
