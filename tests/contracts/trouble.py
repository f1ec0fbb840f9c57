"""A scheduler whose tiers are in trouble loses little time and no decision: a short share of `make trouble`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hosts.tiers import LYING, OFF, WELL, Tiers, Trouble
from tests.support.servers import required
from tests.trouble.cell import KINDS, Play
from tests.trouble.cluster import Cluster

# Of a bound of 0.1 s: this runs beside other tests. What is looked for takes many seconds.
MAY_LOSE_SECONDS = 2.0


@pytest.fixture(scope="module")
def hurt_cluster() -> Iterator[Cluster]:
    with required():
        tiers = Tiers()
    with tiers, Cluster(tiers, 12, 10) as cluster:
        yield cluster


class TroubleContract:
    @pytest.mark.parametrize(
        "trouble",
        [
            Trouble("trickling", WELL),
            Trouble(LYING, WELL),
            Trouble(OFF, "silent"),
            Trouble("silent", "trickling"),
            Trouble("slow 200 ms", "slow 200 ms"),
        ],
        ids=str,
    )
    def test_a_loop_is_not_much_longer_and_decides_as_stock_does(
        self, hurt_cluster: Cluster, trouble: Trouble
    ) -> None:
        """Each kind of loop, beside the same loop of a scheduler that has no such tiers."""
        cell = Play(hurt_cluster, trouble).run(n_rounds=1)
        assert cell.wrong == []
        assert cell.n_checked > 150
        typical = {kind: cell.typical(kind) for kind in KINDS}
        too_long = {
            kind: (base, ours) for kind, (base, ours) in typical.items() if ours > 2 * base + MAY_LOSE_SECONDS
        }
        if too_long:
            pytest.fail(f"{trouble}: (seconds without it, with it) {too_long}; fallbacks {cell.fallbacks}")
