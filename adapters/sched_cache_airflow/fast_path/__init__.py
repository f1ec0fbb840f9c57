"""Scheduling decisions from slim rows, the same for both hosts. Their differences are in `hosts/`."""
