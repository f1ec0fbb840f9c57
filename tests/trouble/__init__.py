"""Loops of the real scheduler while the tiers it shares are in trouble: their length, and which DAGs they used."""
