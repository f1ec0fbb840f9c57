"""The size of a run: the part of each suite that is run."""

from __future__ import annotations

import enum


class Size(enum.Enum):
    """QUICK ends within minutes and needs no server; the committed results are of STANDARD; THOROUGH takes hours."""

    QUICK = "quick"
    STANDARD = "standard"
    THOROUGH = "thorough"
