"""The words that compression knows beforehand."""

from __future__ import annotations

import hashlib
from importlib.resources import files

_SHA256 = "fe02044438ef9726faa42611ec004e9bf18205557de756161a4f7d9f38f54162"


def test_dictionary_1_never_changes() -> None:
    """Bytes that were stored with wire byte 1 can only be read with the dictionary with which they were written.

    Until the first release `python -m tools.dictionary` may write another, and prints this digest.
    """
    dictionary = files("sched_cache.format").joinpath("dictionary_1.bin").read_bytes()
    assert len(dictionary) <= 16_384
    assert hashlib.sha256(dictionary).hexdigest() == _SHA256
