"""Measurements of what the tiers promise, on real servers: `python -m bench.targets`."""
