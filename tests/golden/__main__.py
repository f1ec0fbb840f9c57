"""`python -m tests.golden`: writes the parts of today's format version from the documents beside them.

Only before a format version is released, or for a new one: released bytes stay readable for ever.
"""

from __future__ import annotations

import json

from sched_cache.format import encode_dag
from tests.golden.test_golden import TODAY


def main() -> None:
    """Writes NAME.hot and NAME.cold for every NAME.json of today's format version."""
    for path in sorted(TODAY.glob("*.json")):
        encoded = encode_dag(json.loads(path.read_text(encoding="utf-8")))
        path.with_suffix(".hot").write_bytes(encoded.hot)
        path.with_suffix(".cold").write_bytes(encoded.cold)
        print(f"{path.stem}: {len(encoded.hot)} + {len(encoded.cold)} bytes, {encoded.content_hash}")


if __name__ == "__main__":
    main()
