"""What the tiers promise, measured on real servers: `python -m bench.targets`."""
