"""`sched-cache bench` hands everything to the harness."""

from __future__ import annotations

from tests.support.command_line import Run


def test_arguments_and_exit_code_are_the_harness_s(run: Run) -> None:
    """Options too, which are not of `sched-cache`."""
    assert run("bench", "run", "format", "--subject", "nobody").code == 2


def test_without_arguments_the_harness_says_what_there_is(run: Run) -> None:
    """Its commands."""
    outcome = run("bench")
    assert outcome.code == 0
    assert b"compare" in outcome.out
