"""Let another process act between two statements of the host, without threads and without sleeping."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock


@contextmanager
def before_call(owner: type[Any], name: str, action: Callable[[], None]) -> Iterator[None]:
    """Run ``action`` once, just before the next call of the class method ``owner.name`` in this block.

    Raises AssertionError at the end of the block if nobody called it: the race did not happen.
    """
    original = getattr(owner, name)
    pending = [action]

    def interrupted(*arguments: Any, **options: Any) -> Any:
        if pending:
            pending.pop()()
        return original(*arguments, **options)

    with mock.patch.object(owner, name, interrupted):
        yield
    assert not pending, f"{owner.__name__}.{name} was not called"
