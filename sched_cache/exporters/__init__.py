"""Counters for other systems: Prometheus, statsd, OpenTelemetry. Import the one that is installed.

Each takes a function that returns a snapshot, `Stats.snapshot` or one that merges those of several processes.
It is called when the other system asks, or once per interval; nothing is sent when something is counted.
"""
