"""What must be made new in a forked child: locks another thread may have held, sockets, threads, counts."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class ForkAware(Protocol):
    """An object with state that a child may not share with its parent."""

    def reset_after_fork(self) -> None:
        """Called in the child, where only the forking thread lives on. May take no lock and do no I/O."""
        ...


_registered: WeakSet[ForkAware] = WeakSet()
_is_hooked = False


def register(instance: ForkAware) -> None:
    """Has `instance.reset_after_fork()` called in every child forked while `instance` is alive."""
    global _is_hooked
    if not _is_hooked:
        # At the first use, not at import: importing this package changes nothing in its process.
        os.register_at_fork(after_in_child=_reset_all)
        _is_hooked = True
    _registered.add(instance)


def _reset_all() -> None:
    for instance in list(_registered):
        instance.reset_after_fork()
