"""Twenty seconds of fuzzing; `python -m tests.fuzz --minutes 10` goes on for longer."""

from __future__ import annotations

import os
from time import monotonic

import pytest

from tests.fuzz.campaign import Campaign
from tests.fuzz.seeds import seed_documents

SECONDS = float(os.environ.get("FUZZ_SECONDS", "20"))


@pytest.mark.parametrize("seed", [20261122])
def test_damage_is_refused_or_read(seed: int) -> None:
    """Damaged bytes give `FormatError`, damaged documents `InvalidDagError`, and what is taken comes back."""
    campaign = Campaign(seed_documents(), seed)
    start = monotonic()
    campaign.run(lambda: monotonic() - start < SECONDS)
    assert campaign.executions > 100
    assert min(map(len, campaign.answers.values())) > 3, "the damage reaches too little of the reader"
    assert not campaign.findings, "\n".join(f"{found.error}: {found.folder}" for found in campaign.findings)


def test_a_seed_gives_the_same_campaign() -> None:
    """Executions depend on the seed alone, so a finding can be had again."""

    def answers() -> object:
        campaign = Campaign(seed_documents(), seed=7)
        campaign.run(lambda: campaign.executions < 200)
        return campaign.answers

    assert answers() == answers()
