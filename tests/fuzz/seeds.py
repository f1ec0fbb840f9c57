"""The undamaged inputs: every shape of document, in a small size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent.parent / "golden" / "v1"


def seed_documents() -> list[Any]:
    """The documents of the golden files."""
    return [json.loads(path.read_text()) for path in sorted(GOLDEN.glob("*.json"))]
