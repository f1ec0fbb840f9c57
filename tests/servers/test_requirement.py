"""The behaviour of a test on a machine without its server."""

from __future__ import annotations

import pytest

from tests.support.servers import required
from tests.support.servers.process import program


def test_it_skips_on_a_laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names the program that is missing."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-server is not installed"), required():
        program("no-such-server", "/usr/lib/*/bin")


def test_it_fails_where_ci_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """CI promised every server: a skip there would hide that nothing was tested."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-server is not installed"), required():
        program("no-such-server")


def test_other_failures_pass_through() -> None:
    """A server that is there and does not start is a failure everywhere."""
    with pytest.raises(OSError, match="disk full"), required():
        raise OSError("disk full")
