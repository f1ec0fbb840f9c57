"""Two runs of the same tests, without and with the plugin, and the tests that may differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tools.host_tests.runs import Run

_SCHEDULER = "/test_scheduler_job.py"
_OTHER = "other"  # skipped in one of the two runs, or absent from it
_COLUMNS = {
    ("passed", "passed"): "passed both",
    ("failed", "failed"): "failed both",
    ("skipped", "skipped"): "skipped both",
    ("passed", "failed"): "only with",
    ("failed", "passed"): "only without",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcomes of both runs by test.

    expected: the tests that pin an internal which the plugin replaces, each with its reason, of the files that were
    run. is_partial: whether single tests of a file were chosen.
    """

    without: Run
    with_plugin: Run
    expected: Mapping[str, str]
    is_partial: bool = False

    def tests(self) -> list[str]:
        """Those of either run."""
        return sorted({*self.without.outcomes, *self.with_plugin.outcomes})

    def _pair(self, test: str) -> tuple[str, str]:
        return self.without.outcomes.get(test, "absent"), self.with_plugin.outcomes.get(test, "absent")

    def new(self) -> list[str]:
        """Tests that fail with the plugin, did not fail without it, and are not expected to. An absent test fails."""
        bad = ("failed", "absent")
        return [
            test
            for test in self.tests()
            if self._pair(test)[1] in bad and self._pair(test)[0] not in bad and test not in self.expected
        ]

    def obsolete(self) -> list[str]:
        """Expected tests that do not fail with the plugin, each with what it does."""
        failed = self.with_plugin.failed()
        return [f"{test}: {self._described(test)}" for test in sorted(self.expected) if test not in failed]

    def _described(self, test: str) -> str:
        without, with_plugin = self._pair(test)
        if without == with_plugin == "absent":
            return "there is no such test"
        return f"{without} without the plugin, {with_plugin} with it"

    def is_good(self) -> bool:
        """Whether the runs differ as they are expected to."""
        return not self.new() and not self.obsolete()

    def undecided(self) -> str:
        """The reason why the runs prove nothing about decisions of the scheduler's loop; empty if they do.

        Only a run of all tests of the scheduler is expected to have such decisions.
        """
        has_loops = any(test.partition("::")[0].endswith(_SCHEDULER) for test in self.with_plugin.outcomes)
        use = self.with_plugin.use
        if not has_loops or self.is_partial or use["n_decided"]:
            return ""
        return f"no decision came from the fast path: {', '.join(use['fallbacks']) or 'no loop had a run to decide'}"

    def table(self) -> Iterator[str]:
        """Lines: a row for each file of tests, and their sum."""
        rows: dict[str, Counter[str]] = {}
        for test in self.tests():
            column = _COLUMNS.get(self._pair(test), _OTHER)
            rows.setdefault(test.partition("::")[0], Counter())[column] += 1
        columns = (*_COLUMNS.values(), _OTHER)
        width = max(map(len, rows), default=0)
        yield " " * width + "".join(f"{column:>14}" for column in columns)
        for name, counts in (*rows.items(), ("all", sum(rows.values(), Counter[str]()))):
            yield f"{name:{width}}" + "".join(f"{counts[column]:>14}" for column in columns)

    def verdict(self) -> Iterator[str]:
        """Lines: the differences by name."""
        for test in sorted(set(self.expected) & set(self.with_plugin.failed())):
            yield f"expected: {test}: {self.expected[test]}"
        for test in self.new():
            yield f"FAILS ONLY WITH THE PLUGIN: {test}"
        for line in self.obsolete():
            yield f"NOT AS THE LIST OF TESTS SAYS: {line}"
        for test in sorted(self.without.failed() - self.with_plugin.failed()):
            yield f"fails only without the plugin: {test}"


def of_files(listed: Mapping[str, str], root: str, tests: Sequence[str]) -> dict[str, str]:
    """The part of a list of tests that belongs to the chosen files, folders and tests."""
    chosen = tuple(f"{root}/{test}" for test in tests)
    return {
        test: reason
        for test, reason in listed.items()
        if any(test == one or test.startswith((f"{one}::", f"{one}/", f"{one}[")) for one in chosen)
    }
