"""A base class for objects that are serialized as MessagePack and must not be pickled."""

from __future__ import annotations

from typing import NoReturn, SupportsIndex


class Unpicklable:
    """Refuses pickle, because reading a pickle runs code from it."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        name = type(self).__name__
        raise TypeError(f"a {name} travels as MessagePack, see `pack` and `pack_task_instances`")
