"""Every option of the package: `Config` holds them, CONFIG.md lists them."""

from sched_cache.config.config import Config
from sched_cache.config.option import options
from sched_cache.config.redis_url import RedisUrl, parse_redis_url
from sched_cache.config.url import redact_url

__all__ = ["Config", "RedisUrl", "options", "parse_redis_url", "redact_url"]
