"""The trainer keeps what many samples share, within its limit, and gives the same dictionary every time."""

from __future__ import annotations

import random

from tools.dictionary.training import train

_SHARED = b"airflow.providers.standard.operators.bash BashOperator"


def _noise(seed: int, n_bytes: int) -> bytes:
    return random.Random(seed).randbytes(n_bytes)


def test_what_samples_share_is_kept_once() -> None:
    samples = [_noise(seed, 60) + _SHARED + _noise(seed + 100, 60) for seed in range(4)]
    dictionary = train(samples, max_bytes=1_000)
    assert dictionary.count(_SHARED) == 1


def test_what_helps_its_own_sample_alone_is_left_out() -> None:
    assert train([_noise(seed, 200) for seed in range(4)], max_bytes=1_000) == b""


def test_limit_is_kept() -> None:
    samples = [_noise(seed, 100) for seed in range(4) for _ in range(3)]
    samples = [sample + bytes([number]) for number, sample in enumerate(samples)]
    for limit in (0, 150, 250, 1_000):
        dictionary = train(samples, limit)
        assert len(dictionary) <= limit
        assert bool(dictionary) == (limit >= 150)


def test_most_helpful_words_stand_last() -> None:
    """There deflate refers to them most cheaply."""
    rare, usual = _noise(1, 80), _noise(2, 80)
    samples = [usual + bytes([number]) for number in range(8)] + [rare + b"a", rare + b"b"]
    dictionary = train(samples, max_bytes=1_000)
    assert dictionary.index(rare) < dictionary.index(usual)
