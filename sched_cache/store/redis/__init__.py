"""The shared tier. Importing this imports no Redis client; `open_l2` does when it is needed."""

from sched_cache.store.redis.l2 import L2, Answer, NoRedis, Subscription, open_l2
from sched_cache.store.redis.notification import decode_notification, encode_notification

__all__ = [
    "L2",
    "Answer",
    "NoRedis",
    "Subscription",
    "decode_notification",
    "encode_notification",
    "open_l2",
]
