"""The promises of the tiers, measured on real servers: `python -m bench.targets`."""
