"""One database is upgraded from Airflow 2.11 to 3.1 and 3.3 while runs are under way, with the plugin on and on stock.

Runs only with ``SCHED_CACHE_UPGRADES=1`` (`make upgrades`), which needs the environments of these releases.
"""

from __future__ import annotations

from tests.hosts.subject import installed_checkout
from tests.upgrades.executions import Ended
from tests.upgrades.installation import installation
from tests.upgrades.node import Node
from tests.upgrades.outcomes import assert_same_end, takes_long
from tests.upgrades.stages import play_last_stage, play_stage

_VERSIONS = ("2.11.2", "3.1.8", "3.3.2")


def _upgraded(*, with_plugin: bool) -> Ended:
    """The end of all runs. The first stop is a power cut, the second one is asked for."""
    plugin = installed_checkout() if with_plugin else None
    first, second, third = (Node(version, plugin) for version in _VERSIONS)
    with installation() as installed:
        for number, node in enumerate((first, second, third)):
            installed.migrate(node)
            installed.start(node, node)
            if node is not third:
                play_stage(installed, number, node)
            else:
                ended = play_last_stage(installed, node)
            if with_plugin:
                node.doctor(installed.shared)
                if node is second:
                    # It stays through the next migration.
                    node.sched_cache(["airflow-trigger", "install"], installed.shared)
            if node is first:
                installed.kill()
            elif node is second:
                installed.stop()
        assert (installed.n_redis_keys > 0) == with_plugin
        return ended


@takes_long
def test_every_run_ends_as_on_stock() -> None:
    """Sensors, tasks that are killed, deferral, mapping, rules, retries, limits, assets, schedules and edits."""
    assert_same_end(_upgraded(with_plugin=True), _upgraded(with_plugin=False))
