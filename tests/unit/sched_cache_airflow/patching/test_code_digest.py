"""The digest of the host's code: the same on every Python, changed by what runs and by nothing else."""

from __future__ import annotations

import inspect

import pytest

from sched_cache_airflow.patching import code_digest
from sched_cache_airflow.patching.code_digest import bare, digest_of, function_in

MODULE = '''\
"""About it."""

from decorators import noted  # here


class Run:
    """A run."""

    LIMIT = 3

    @noted(
        why="so"
    )
    def state(self, *, session):
        """What it is.

        Of more than one line.
        """
        # The first of them.
        found = f"{self.name!r} # not a comment"

        text = """
            SELECT 'é'  # nor this

        """
        return found or text  # ends


    async def later(self): pass
'''

BARE = '''\
@noted(
    why="so"
)
def state(self, *, session):
    found = f"{self.name!r} # not a comment"
    text = """
            SELECT 'é'  # nor this

        """
    return found or text
'''


def state_of(module: str) -> str:
    function = function_in(module, "Run.state")
    assert function is not None
    return function


def test_what_does_not_run_is_left_out() -> None:
    assert bare(state_of(MODULE)) == BARE


def test_the_digest_is_the_same_on_every_python() -> None:
    """f-strings are one token before Python 3.12 and several since."""
    assert digest_of(MODULE) == "812f7a7df5f51e69"
    assert digest_of(state_of(MODULE)) == "a39c7929f1c1eaf5"


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        pytest.param("# The first of them.", "# Another.\n        #\n    # Less far in", id="comments"),
        pytest.param("  # ends", "", id="comment behind code"),
        pytest.param("What it is.", "Something else.", id="docstring"),
        pytest.param("A run.", "Something else.", id="docstring of the class"),
        pytest.param("    LIMIT = 3\n", "    LIMIT = 3   \n\n\n", id="blank lines"),
        pytest.param(
            '"""What it is.\n\n        Of more than one line.\n        """', "'é'  # why", id="quotes"
        ),
        pytest.param("About it.", "About\n\n# it.", id="docstring of the module"),
    ],
)
def test_what_does_not_run_does_not_change_it(was: str, becomes: str) -> None:
    changed = MODULE.replace(was, becomes)
    assert changed != MODULE
    assert digest_of(changed) == digest_of(MODULE)
    assert digest_of(state_of(changed)) == digest_of(state_of(MODULE))


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("found or text", "text or found"),
        ("!r}", "!s}"),
        ("# not a comment", "# no comment"),
        ("# nor this", "# nor that"),
        ("# nor this\n", "# nor this  \n"),
        ("# nor this\n\n", "# nor this\n"),
        ("            SELECT", "           SELECT"),
        ('why="so"', 'why="not"'),
        ("*, session", "session"),
    ],
)
def test_what_runs_changes_it(was: str, becomes: str) -> None:
    changed = MODULE.replace(was, becomes)
    assert changed != MODULE
    assert digest_of(changed) != digest_of(MODULE)
    assert digest_of(state_of(changed)) != digest_of(state_of(MODULE))


def test_a_function_is_the_same_as_the_interpreter_finds_it() -> None:
    """The table is made from packages; in a process the source is that of the function object."""
    source = inspect.getsource(code_digest)
    for name in ("bare", "function_in", "_docstrings", "_Span.is_in"):
        owner = code_digest
        for part in name.split("."):
            owner = getattr(owner, part)
        found = function_in(source, name)
        assert found is not None
        assert digest_of(found) == digest_of(inspect.getsource(owner))


def test_of_several_definitions_the_last_counts() -> None:
    source = (
        "if one:\n    def f(): return 1\nelse:\n    def f(): return 2\nclass C:\n    def f(self): return 3\n"
    )
    assert function_in(source, "f") == "    def f(): return 2\n"
    assert function_in(source, "C.f") == "    def f(self): return 3\n"
    assert function_in(source, "C.g") is None
    assert function_in(source, "D.f") is None


def test_a_docstring_in_parentheses_may_have_comments() -> None:
    source = 'def f():\n    (\n        "a"  # one\n        "b"\n    )\n    return 1\n'
    assert bare(source) == "def f():\n    return 1\n"


def test_a_form_feed_ends_no_line() -> None:
    source = 'x = 1\n\x0c\nclass C:\n    def f(self):\n        """About."""\n        return "\x0c"\n'
    assert bare(function_in(source, "C.f") or "") == 'def f(self):\n    return "\x0c"\n'


def test_a_text_that_this_python_cannot_read_is_an_error() -> None:
    with pytest.raises(SyntaxError):
        digest_of("def f(:\n")
