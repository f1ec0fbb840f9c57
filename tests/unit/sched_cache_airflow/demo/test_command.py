"""Where the demo does not run."""

from __future__ import annotations

import pytest

from sched_cache_airflow.demo import __main__ as demo


@pytest.mark.parametrize(
    ("version", "shown"), [("2.11.2", "2.11.2"), ("3.2.2", "3.2.2"), ("4.0.0", "4.0.0"), (None, "none")]
)
def test_another_release_is_named_beside_the_needed_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], version: str | None, shown: str
) -> None:
    monkeypatch.setattr(demo, "host_version", lambda: version)
    monkeypatch.setattr("sys.argv", ["demo"])
    assert demo.main() == 2
    assert capsys.readouterr().err == f"the demo needs Airflow 3.3.x, found {shown}\n"
