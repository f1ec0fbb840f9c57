"""`python -m tools.dictionary [PYTHON ...]`: writes sched_cache/format/dictionary_1.bin.

Runs in the core environment. PYTHON: interpreters that have a host; by default those of
`python3 -m tools environment airflow-3.3.2` and `airflow-2.11.2`. Only for a dictionary that is not released
yet: one that is belongs to its number for ever.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sched_cache.format import encode_dag
from tools.dictionary.training import train
from tools.environments import ENVIRONMENTS, ROOT

_FILE = ROOT / "sched_cache" / "format" / "dictionary_1.bin"
_HOSTS = ("airflow-3.3.2", "airflow-2.11.2")
_MAX_BYTES = 16_384


def main() -> int:
    samples: list[bytes] = []
    for python in sys.argv[1:] or [str(ENVIRONMENTS[host].executable("python")) for host in _HOSTS]:
        documents = _documents(python)
        for document in documents:
            encoded = encode_dag(document)
            samples += (encoded.hot, encoded.cold)
        print(f"{python}: {len(documents)} documents")
    dictionary = train(samples, _MAX_BYTES)
    _FILE.write_bytes(dictionary)
    digest = hashlib.sha256(dictionary).hexdigest()
    print(f"{_FILE.relative_to(ROOT)}: {len(dictionary)} bytes, SHA-256 {digest}")
    return 0


def _documents(python: str) -> list[Any]:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'adapters'}",  # the host loads the plugin that the checkout announces
        "PYTHONHASHSEED": "0",  # sets in a fixed order
    }
    with tempfile.NamedTemporaryFile() as file:
        command = (python, "-W", "ignore", "-m", "tools.dictionary.serialize", file.name)
        subprocess.run(command, check=True, env=environment, cwd=ROOT)
        documents: list[Any] = json.loads(Path(file.name).read_bytes())
    return documents


if __name__ == "__main__":
    sys.exit(main())
