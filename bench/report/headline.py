"""How the product compares with the reference: one figure for each metric of the headline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..results import Results
from ..suite import metric_named
from .wording import case_text, compared, quantity, suite_of


@dataclass(frozen=True, slots=True)
class Comparison:
    """A metric of the product and of the reference, in words."""

    title: str
    words: str
    is_more: bool
    both: str
    case: str


def comparisons(results: Results) -> Iterator[Comparison]:
    """Of each headline metric how many times less than the reference, in the largest case that both ran."""
    suite = suite_of(results)
    product = next((record.subject for record in results.records if record.is_product), suite.reference)
    if product == suite.reference:
        return
    for metric in (metric_named(suite, name) for name in suite.headline):
        for case in _by_size(results):
            ours, theirs = (
                results.median(case, subject, metric.name) for subject in (product, suite.reference)
            )
            if ours and theirs:
                yield Comparison(
                    metric.title,
                    compared(theirs, ours),
                    ours > 1.05 * theirs,
                    f"{quantity(theirs, metric.unit)} \u2192 {quantity(ours, metric.unit)}",
                    case_text(results.cases()[case]),
                )
                break


def _by_size(results: Results) -> list[str]:
    """Cases of up to 1000 tasks a DAG, largest first: the headline is not won on exotic sizes."""
    cases = results.cases()
    sizes = {
        label: (float(parameters.get("n_tasks", 0)), float(parameters.get("n_dags", 0)))
        for label, parameters in cases.items()
    }
    return sorted(
        (label for label in cases if sizes[label][0] <= 1000), key=lambda label: sizes[label], reverse=True
    )
