"""Released bytes stay readable, and the bytes of today's version do not change by accident.

`python -m tests.golden` writes the parts of today's version anew: right after a new version was made, never
to make a test pass. Airflow 3.3.2 serialized airflow_3_*.json, 2.11.2 airflow_2.json; the others are by hand.
"""

from __future__ import annotations

import json
from pathlib import Path
from struct import pack_into
from typing import Any
from zlib import crc32

import pytest

from sched_cache.errors import FormatError
from sched_cache.format import FORMAT_VERSION, decode_dag, encode_dag
from tests.support.format.accessors import refusals
from tests.support.format.exact import assert_same

HERE = Path(__file__).parent
TODAY = HERE / f"v{FORMAT_VERSION}"
ALL = sorted(HERE.glob("v*/*.json"))
CURRENT = [path for path in ALL if path.parent == TODAY]


def _named(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _document(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", ALL, ids=_named)
def test_stored_bytes_are_read(path: Path) -> None:
    """Today's reader gives back the exact document from the bytes of every version there was."""
    dag = decode_dag(path.with_suffix(".hot").read_bytes(), path.with_suffix(".cold").read_bytes())
    assert_same(dag.to_serialized(), _document(path))
    assert not refusals(dag)


@pytest.mark.parametrize("path", CURRENT, ids=_named)
def test_the_encoder_writes_the_same_bytes(path: Path) -> None:
    """A change to the layout, the hot fields or the derived columns is a new version, not an accident."""
    encoded = encode_dag(_document(path))
    assert encoded.hot == path.with_suffix(".hot").read_bytes()
    assert encoded.cold == path.with_suffix(".cold").read_bytes()


def test_every_version_is_kept() -> None:
    """From 1 to today's, none missing, all small."""
    assert {path.parent.name for path in ALL} == {f"v{number}" for number in range(1, FORMAT_VERSION + 1)}
    assert sum(path.stat().st_size for path in HERE.glob("v*/*")) < 60_000 * FORMAT_VERSION


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (
            4,
            FORMAT_VERSION + 1,
            f"format version is {FORMAT_VERSION + 1}, this reader knows {FORMAT_VERSION}",
        ),
        (4, 255, f"format version is 255, this reader knows {FORMAT_VERSION}"),
        (5, 2, "this is part cold, expected hot"),
        (5, 3, "this is part number 3, expected hot"),
        (6, 1, "flags are 0x0001, this reader knows none"),
        (7, 0x80, "flags are 0x8000, this reader knows none"),
    ],
)
def test_newer_bytes_are_refused_with_a_reason(offset: int, value: int, reason: str) -> None:
    """An older reader says what it found and what it knows; the checksum is in order."""
    data = bytearray(CURRENT[0].with_suffix(".hot").read_bytes())
    data[offset] = value
    pack_into("<I", data, 12, crc32(data[16:], crc32(data[:12])))
    with pytest.raises(FormatError, match=reason):
        decode_dag(bytes(data))
