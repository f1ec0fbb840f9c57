"""Makes the preset dictionary of `sched_cache.format.compression`."""
