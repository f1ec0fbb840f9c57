"""Scheduling decisions over compact DAGs: which task instances a scheduler need not examine in this loop.

proof = BlockedProof(dag, AIRFLOW_3)                 # once per content
counts = UpstreamCounts(proof)                       # once per run, kept between loops
rows = SlimTaskInstances.from_rows(dag, core_rows)   # each loop: every row of the run
counts.update(rows, skip_decisions)
asked = counts.ask_host(HostPass.READY)              # load these as ORM objects; leave out the rest
read = finished_rows_read(proof, rows, asked)        # the finished rows their decision depends on
"""

from sched_cache.scheduling.blocked_proof import BlockedProof
from sched_cache.scheduling.finished_upstreams import finished_rows_read
from sched_cache.scheduling.host_pass import HostPass
from sched_cache.scheduling.host_rules import AIRFLOW_2, AIRFLOW_3, HostRules
from sched_cache.scheduling.slim_task_instances import SlimTaskInstance, SlimTaskInstances
from sched_cache.scheduling.transport import pack_task_instances, unpack_task_instances
from sched_cache.scheduling.upstream_counts import UpstreamCounts

__all__ = [
    "AIRFLOW_2",
    "AIRFLOW_3",
    "BlockedProof",
    "HostPass",
    "HostRules",
    "SlimTaskInstance",
    "SlimTaskInstances",
    "UpstreamCounts",
    "finished_rows_read",
    "pack_task_instances",
    "unpack_task_instances",
]
