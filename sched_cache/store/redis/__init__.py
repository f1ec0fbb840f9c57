"""The shared tier on Redis. Importing this module imports no Redis client; `open_l2` does."""

from sched_cache.store.redis.from_config import open_l2
from sched_cache.store.redis.notification import decode_notification, encode_notification

__all__ = [
    "decode_notification",
    "encode_notification",
    "open_l2",
]
