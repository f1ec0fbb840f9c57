"""The examples and figures in README.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_README = Path(__file__).resolve().parents[2] / "README.md"
_EXAMPLES = re.findall(r"```python\n(.*?)```", _README.read_text(encoding="utf-8"), re.DOTALL)
_LINKS = re.findall(r"\]\(([^):]+)\)", _README.read_text(encoding="utf-8"))


@pytest.mark.parametrize("example", _EXAMPLES)
def test_an_example_does_what_it_asserts(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pasted into Python, every example runs."""
    monkeypatch.chdir(tmp_path)
    exec(compile(example, str(_README), "exec"), {})


@pytest.mark.parametrize("link", _LINKS)
def test_a_link_leads_to_a_file(link: str) -> None:
    """Relative links are to files and folders of the repository."""
    assert (_README.parent / link).exists()


def test_there_are_examples_and_links() -> None:
    """The patterns above still find what they look for."""
    assert _EXAMPLES
    assert _LINKS
