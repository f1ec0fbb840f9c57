"""Templates: what is escaped, what is an error, what is made when."""

from __future__ import annotations

import subprocess
import sys

import pytest
from jinja2 import UndefinedError

from sched_cache_airflow.reporting.page.rendering import render

_MADE_ONCE = """
from sched_cache_airflow.reporting.page import overview, rendering
print(rendering._environment.cache_info().misses)
for _ in range(3):
    overview.overview_page(overview.Overview(), nonce="abc")
print(rendering._environment.cache_info().misses)
"""


def test_a_name_that_is_not_given_is_an_error() -> None:
    """A page never lacks a number in silence."""
    with pytest.raises(UndefinedError, match="text"):
        render("notice.html", nonce="abc")


def test_text_is_escaped_and_what_the_page_is_made_of_is_not() -> None:
    """Style and script are used as they are in their files."""
    document = render("notice.html", nonce='a"b', text="<b>&")
    assert '<div class="notice" role="alert">&lt;b&gt;&amp;</div>' in document
    assert '<script nonce="a&#34;b">' in document
    assert 'font: 14px/1.45 system-ui, -apple-system, "Segoe UI"' in document
    assert 'localStorage.getItem("theme")' in document


def test_the_environment_is_made_with_the_first_page() -> None:
    """Once in a process, and not by an import."""
    done = subprocess.run([sys.executable, "-c", _MADE_ONCE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "1"]
