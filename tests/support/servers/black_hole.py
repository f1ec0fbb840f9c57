"""A port that accepts connections and never answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def black_hole() -> Iterator[int]:
    """The port: the system accepts connections to it and takes what is sent, and that is all."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as silent:
        yield silent.getsockname()[1]
