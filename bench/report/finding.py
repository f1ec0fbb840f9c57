"""The finding of a chart, in a few words for its title."""

from __future__ import annotations

from ..results import Results
from ..suite import Chart
from .wording import compared, suite_of

_LESS = " x less"


def finding(chart: Chart, results: Results) -> str:
    """How the product compares with the reference in the chart's cases: `1.90 to 617 x less`.

    Empty where there is nothing to compare, or where one number would not say it: parts of a whole.
    """
    suite = suite_of(results)
    product = next((record.subject for record in results.records if record.is_product), suite.reference)
    if product == suite.reference or chart.kind == "stack":
        return ""
    medians = [
        [results.median(case, subject, chart.metrics[0]) for subject in (suite.reference, product)]
        for case, parameters in results.cases().items()
        if all(parameters.get(name) == value for name, value in (chart.where or {}).items())
    ]
    found = sorted((theirs / ours, compared(theirs, ours)) for theirs, ours in medians if theirs and ours)
    if not found:
        return ""
    least, most = found[0][1], found[-1][1]
    if least == most:
        return most
    return f"{least.removesuffix(_LESS) if most.endswith(_LESS) else least} to {most}"
