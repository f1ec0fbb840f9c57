"""Chooses the words of a deflate dictionary from samples of what will be compressed."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

_SHORTEST_MATCH = 24
"""The shortest match in the dictionary that counts as known, because many short matches cost more."""

_CONTEXT = 4
"""The bytes that are kept around new ones, so that a match can extend into them."""


def train(samples: Sequence[bytes], max_bytes: int) -> bytes:
    """At most `max_bytes` that make the samples small.

    Greedy: of each sample consider the bytes that are new to the dictionary; take those that save most per
    byte in all *other* samples, put them in front, and start over. So what helps most stands last, where it
    is cheapest to refer to, and what helps its own sample alone is left out. Quadratic in the samples.
    """
    waiting = list(dict.fromkeys(samples))
    dictionary = b""
    while True:
        sizes = {sample: _compressed_size(sample, dictionary) for sample in waiting}
        best_rate, best = 0.0, None
        for sample in waiting:
            new = _new_bytes(sample, dictionary)
            if not new or len(dictionary) + len(new) > max_bytes:
                continue
            grown = new + dictionary
            saved = sum(sizes[other] - _compressed_size(other, grown) for other in waiting if other != sample)
            if saved / len(new) > best_rate:
                best_rate, best = saved / len(new), (sample, grown)
        if best is None:
            return dictionary
        waiting.remove(best[0])
        dictionary = best[1]


def _compressed_size(sample: bytes, dictionary: bytes) -> int:
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15, zdict=dictionary)
    return len(compressor.compress(sample)) + len(compressor.flush())


def _new_bytes(sample: bytes, dictionary: bytes) -> bytes:
    """The runs of `sample` that no long match in the dictionary covers, each with its context."""
    runs: list[tuple[int, int]] = []
    position = 0
    while position < len(sample):
        matched = _longest_match(sample, position, dictionary)
        if matched >= _SHORTEST_MATCH:
            position += matched
            continue
        start, end = max(0, position - _CONTEXT), min(len(sample), position + 1 + _CONTEXT)
        if runs and start <= runs[-1][1]:
            start = runs.pop()[0]
        runs.append((start, end))
        position += 1
    return b"".join(sample[start:end] for start, end in runs)


def _longest_match(sample: bytes, position: int, dictionary: bytes) -> int:
    shortest, longest = 0, len(sample) - position
    while shortest < longest:
        middle = (shortest + longest + 1) // 2
        if sample[position : position + middle] in dictionary:
            shortest = middle
        else:
            longest = middle - 1
    return shortest
