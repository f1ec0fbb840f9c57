"""Our counters arrive where the host sends its own."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.airflow3.support import host_metrics, runs
from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.content import DagContent
from tests.hosts.home import option
from tests.hosts.subject import PLUGIN, Subject
from tests.support.module_process import CHECKOUT

pytestmark = [
    pytest.mark.parametrize("subject", [PLUGIN], ids=["plugin"], indirect=True),
    # The host drops a first client of statsd unclosed when its plugins are loaded after its metrics.
    pytest.mark.filterwarnings("ignore:.*<socket.socket:pytest.PytestUnraisableExceptionWarning"),
]
CONTENT = DagContent("counted", ("a", "b"))


class StatsdServer:
    """Receives packets and keeps their lines."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.5)
        self.port = self._socket.getsockname()[1]

    def received(self) -> dict[str, str]:
        """Name to value and kind, of everything that has arrived."""
        found = {}
        while True:
            try:
                packet = self._socket.recv(65_536).decode()
            except TimeoutError:
                return found
            for line in packet.splitlines():
                name, _, value = line.partition(":")
                found[name] = value

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def statsd(monkeypatch: pytest.MonkeyPatch) -> Iterator[StatsdServer]:
    """Where the host sends its metrics."""
    server = StatsdServer()
    monkeypatch.setenv(option("metrics", "statsd_on"), "True")
    monkeypatch.setenv(option("metrics", "statsd_host"), "127.0.0.1")
    monkeypatch.setenv(option("metrics", "statsd_port"), str(server.port))
    host_metrics.initialize()
    yield server
    host_metrics.client().statsd.close()
    monkeypatch.undo()
    host_metrics.initialize()
    server.close()


def test_the_hosts_statsd_gets_what_was_counted(
    statsd: StatsdServer, subject: Subject, cluster: Cluster
) -> None:
    """With the host's prefix; what did not change is not sent, and reasons are names that statsd takes."""
    from sched_cache_airflow.hosts.installed import runtime

    state = runtime()
    assert state.metrics is not None  # the scheduler's job has begun
    cluster.processor.publish(CONTENT)
    runs.trigger(CONTENT.dag_id, cluster.api_dag_bag)
    cluster.scheduler.loop()
    state.stats.fallbacks["get_dag: a reason"] = 3
    state.metrics.flush()
    received = statsd.received()
    assert int(received["airflow.sched_cache.l1.hits"].removesuffix("|c")) > 0
    assert received["airflow.sched_cache.l1_entries"] == "2|g"  # the scheduler's and the API's
    assert received["airflow.sched_cache.fallbacks.get_dag_a_reason"] == "3|c"
    state.metrics.flush()
    assert "airflow.sched_cache.l1.hits" not in statsd.received()


def test_a_host_without_metrics_sends_nothing(subject: Subject, cluster: Cluster) -> None:
    """No thread either."""
    from sched_cache_airflow.hosts.installed import runtime

    assert runtime().heartbeat is not None
    assert runtime().metrics is None


def test_every_name_is_documented(subject: Subject, cluster: Cluster) -> None:
    """METRICS.md lists what is sent, and nothing else."""
    from sched_cache.exporters.series import series_of
    from sched_cache_airflow.hosts.installed import runtime

    runtime().stats.fallbacks.clear()
    sent = {
        ".".join(filter(None, ("sched_cache", series.section, series.name)))
        for series in series_of(runtime().snapshot())
    }
    documented = set(
        re.findall(r"^\| `(sched_cache[^`]+)` \|", Path(CHECKOUT, "METRICS.md").read_text(), re.MULTILINE)
    )
    assert documented == sent | {"sched_cache.fallbacks.<reason>"}
