"""The README cites what is committed, and nothing else."""

from __future__ import annotations

import pytest

from bench.report.readme import FIGURES, README, committed_results, figures_table, with_figures
from bench.size import Size
from bench.suite import discover_suites


def test_the_readme_has_the_figures_of_the_committed_results() -> None:
    """`python -m bench report --readme` makes it so."""
    text = README.read_text(encoding="utf-8")
    assert with_figures(text, figures_table(committed_results())) == text


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.what)
def test_every_figure_is_measured_by_a_full_run(figure: object) -> None:
    """Its metric exists, and a case with its parameters. Stock takes minutes for 5000 tasks: `--thorough`."""
    suite = discover_suites()[figure.suite]  # type: ignore[attr-defined]  # parametrized
    assert figure.metric in {metric.name for metric in suite.metrics}  # type: ignore[attr-defined]
    cases = [case.label.split() for case in suite.cases(Size.THOROUGH, seed=0)]
    assert any(set(figure.where.split()) <= set(case) for case in cases)  # type: ignore[attr-defined]
