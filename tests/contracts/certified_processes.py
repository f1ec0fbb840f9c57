"""From a trial to its withdrawal, in real processes on a host whose pins are removed: the same on both hosts."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from sched_cache_airflow import certify
from sched_cache_airflow.certification.scratch_database import child
from tests.contracts.fast_path import FastHost
from tests.hosts.metadata_db import MetadataDb
from tests.hosts.subject import ON
from tests.support.module_process import FROM_CHECKOUT, ModuleProcess

MODULE = "tests.hosts.unpinned_process"
SECONDS = 120
WITHDRAWN = "its certificate was withdrawn: a decision differed from Airflow's own path on "


def _until(process: ModuleProcess, is_reason: Callable[[str], bool]) -> Any:
    """The answer of a scheduler with such a reason why it uses no certificate."""
    ends_at = time.monotonic() + SECONDS
    while time.monotonic() < ends_at:
        answer = process.ask({"look": True})
        if is_reason(answer["reason"]):
            return answer
        time.sleep(0.2)
    raise AssertionError(answer)


def _is_certified(reason: str) -> bool:
    return not reason


def _decided(process: ModuleProcess, **asked: Any) -> tuple[int, int]:
    """(decisions by the fast path, comparisons) of a loop."""
    before, after = process.ask({"look": True}), process.ask({"loop": True, **asked})
    return after["decided"] - before["decided"], after["compared"] - before["compared"]


class CertifiedProcessesContract:
    def test_two_schedulers_decide_by_a_certificate_until_one_of_them_differs(
        self,
        fast_host: FastHost,
        airflow_db: MetadataDb,
        empty_database: Callable[[], None],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """A new trial of the same code says that its certificate was withdrawn, and is believed again."""
        for name, value in FROM_CHECKOUT.items():
            monkeypatch.setenv(name, value)
        result: dict[str, Any] = {}
        given = {"seconds": 300.0, "progress": {"seed": 7}}
        program = ("-m", MODULE, "trial")
        child.run(program, airflow_db.url, given, lambda said: result.update(said.get("result", {})))
        assert result["refusals"] == [] and result["n_found"] == 1
        # The number of lines that are not demanded differs between releases.
        result["unreachable"] = [
            ["DagRun.update_state", "raise LookupError", "no DAG of a scheduler is missing"]
        ]
        empty_database()

        fast_host.store("success", None, None)
        with ExitStack() as stack:
            one, other = (
                stack.enter_context(ModuleProcess(MODULE, "scheduler", environ=ON)) for _ in range(2)
            )
            for each in (one, other):
                assert _decided(each, share=0) == (0, 0), "there is no certificate yet"
            with fast_host.plugin():
                assert certify._report(result, None) == 0
            for each in (one, other):
                _until(each, _is_certified)
                assert _decided(each) == (1, 0)
                assert _decided(each, share=1) == (0, 1)
                assert _decided(each, share=0) == (1, 0)

            assert _decided(one, plant=True, share=1) == (0, 1)
            for each in (one, other):
                _until(each, lambda reason: reason.startswith(WITHDRAWN))
                assert _decided(each) == (0, 0)

            capsys.readouterr()
            with fast_host.plugin():
                assert certify._show("") == 0
                shown = capsys.readouterr().out
                assert (
                    "seed 7" in shown and "withdrawn, dag_id: chain" in shown and "burn-in: 0 of 1" in shown
                )
                assert "not demanded: DagRun.update_state: raise LookupError: no DAG of a scheduler" in shown
                assert certify._report(result, None) == 0
                assert "of an earlier trial of this code, on 20" in capsys.readouterr().out
            _until(other, _is_certified)
            assert _decided(other, share=0) == (1, 0)
