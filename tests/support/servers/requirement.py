"""The behaviour of a test on a machine without the server that it needs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.servers.process import ServerMissingError


@contextmanager
def required() -> Iterator[None]:
    """Skips the test when a program is missing inside; fails it where CI is set, which promised them all.

    A server that is installed and does not start is always a failure.
    """
    try:
        yield
    except ServerMissingError as error:
        if os.environ.get("CI"):
            pytest.fail(f"{error}, and CI is set", pytrace=False)
        pytest.skip(str(error))
