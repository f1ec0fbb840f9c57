"""The freshness protocol: which version is current, and which DAGs are fresh."""

from sched_cache.freshness.claims import Claim, Claims
from sched_cache.freshness.freshness import Freshness, Learnt
from sched_cache.freshness.known import Known, Listener

__all__ = ["Claim", "Claims", "Freshness", "Known", "Learnt", "Listener"]
