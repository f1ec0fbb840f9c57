"""Small random damage, to bytes and to what the bytes mean."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

import msgpack

_CODES = bytes(
    (0x80, 0x90, 0xA0, 0xC0, 0xC1, 0xC4, 0xC7, 0xCB, 0xCF, 0xD3, 0xD4, 0xD9, 0xDC, 0xDD, 0xDF, 0xE0, 0xFF)
)
"""First bytes that MessagePack gives a meaning to; 0xC1 has none."""


class Packed:
    """MessagePack inside a byte string, so that damage can reach what is packed twice and thrice."""

    def __init__(self, value: Any) -> None:
        self.value = value


def unfold(data: bytes) -> Any:
    """The decoded `data`, in which byte strings with MessagePack containers are `Packed`."""
    return _unfolded(msgpack.unpackb(data, strict_map_key=False, unicode_errors="surrogatepass"))


def _unfolded(value: Any) -> Any:
    if type(value) is list:
        return [_unfolded(item) for item in value]
    if type(value) is dict:
        return {key: _unfolded(item) for key, item in value.items()}
    if type(value) is bytes:
        try:
            inner = msgpack.unpackb(value, strict_map_key=False, unicode_errors="surrogatepass")
        except (ValueError, msgpack.UnpackException):
            return value
        return Packed(_unfolded(inner)) if type(inner) in (list, dict) else value
    return value


def fold(value: Any) -> bytes:
    """The bytes of an unfolded value."""
    found: bytes = msgpack.packb(value, default=_fold_packed, unicode_errors="surrogatepass")
    return found


def _fold_packed(value: Any) -> bytes:
    if type(value) is not Packed:  # msgpack asks about integers beyond 64 bits, too
        raise TypeError(type(value))
    return fold(value.value)


def damaged_value(root: Any, random: Random) -> Any:
    """`root` with one to three places changed. Changes `root`; None if all of it was taken out."""
    box = [root]
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if not box:
            return None
        places = list(_places(box[0])) or list(_places(box))
        container, key = random.choice(places)
        _damage(container, key, places, random)
    return box[0] if box else None


def _places(root: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of every value in `root`; none if it is no container."""
    waiting = [root]
    while waiting:
        container = waiting.pop()
        if type(container) is Packed:
            keys: Any = ("value",)
        elif type(container) is dict:
            keys = tuple(container)
        else:
            keys = range(len(container)) if type(container) is list else ()
        for key in keys:
            yield container, key
            waiting.append(_get(container, key))


def _get(container: Any, key: Any) -> Any:
    return container.value if type(container) is Packed else container[key]


def _set(container: Any, key: Any, value: Any) -> None:
    if type(container) is Packed:
        container.value = value
    else:
        container[key] = value


def _damage(container: Any, key: Any, places: list[Any], random: Random) -> None:
    old = _get(container, key)
    what = random.randrange(8)
    if what == 0 and type(container) in (list, dict):
        del container[key]
    elif what == 1 and type(container) is list:
        container.insert(key, old)
    elif what == 2 and type(container) is dict:
        container[random.choice((0, None, 1.5, b"k", "", "dag_id", "task_id", "group", "__var"))] = (
            container.pop(key)
        )
    elif what == 3:
        _set(container, key, deepcopy(_get(*random.choice(places))))  # a copy, so that nothing holds itself
    elif what == 4 and type(old) is int:
        _set(container, key, old + random.choice((-1, 1, 255, 1 << 16, 1 << 32)))
    elif what == 5 and type(old) is bytes:
        _set(container, key, damaged_bytes(old, random))
    elif what == 6 and type(old) is Packed:
        _set(container, key, damaged_bytes(fold(old), random))
    else:
        _set(container, key, _unusual(random))


def _unusual(random: Random) -> Any:
    """A value that is seldom there."""
    scalars = (
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        3,
        255,
        256,
        65536,
        1 << 32,
        (1 << 63) - 1,
        -(1 << 63),
        (1 << 64) - 1,
    )
    others = (
        0.0,
        -0.0,
        1.5,
        float("nan"),
        float("inf"),
        "",
        "a",
        "\ud800",
        "é" * 40,
        b"",
        b"\x00",
        b"\xff" * 8,
    )
    extensions = (
        msgpack.ExtType(1, b"\x7f" * 40),
        msgpack.ExtType(1, b"\x7f" * 3000),
        msgpack.ExtType(1, b""),
        msgpack.ExtType(5, b"x"),
        msgpack.Timestamp(1, 1),
    )
    kind = random.randrange(6)
    if kind == 0:
        return random.choice(extensions)
    if kind == 1:
        depth = random.choice((5, 60, 190, 250, 400))
        value: Any = []
        for _ in range(depth):
            value = [value] if random.random() < 0.9 else {"k": value}
        return value
    if kind == 2:
        length = random.choice((0, 1, 2, 17, 300))
        return [random.choice(scalars + others) for _ in range(length)]
    if kind == 3:
        return {random.choice(("", "a", "__var", "__type", "children")): random.choice(scalars + others)}
    return random.choice(scalars) if kind == 4 else random.choice(others)


def damaged_bytes(data: bytes, random: Random) -> bytes:
    """`data` with one to four changes of a few bytes each."""
    damaged = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(damaged) + 1)
        what = random.randrange(6)
        if what == 0 and at < len(damaged):
            damaged[at] ^= 1 << random.randrange(8)
        elif what == 1 and at < len(damaged):
            damaged[at] = random.choice(_CODES)
        elif what == 2:
            damaged[at:at] = random.choice(
                (b"\xc0", b"\xff" * 4, b"\xdd\xff\xff\xff\xff", b"\xc6\x7f\xff\xff\xff", b"\x91" * 600)
            )
        elif what == 3:
            del damaged[at : at + random.choice((1, 2, 8, 1 << 20))]
        elif what == 4:
            other = random.randrange(len(damaged) + 1)
            damaged[at:at] = damaged[other : other + random.choice((1, 4, 16))]
        else:
            damaged[at : at + 4] = random.randbytes(random.randrange(5))
    return bytes(damaged)
