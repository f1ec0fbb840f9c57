"""Exporters of the counters for Prometheus, statsd and OpenTelemetry. Import the module whose client is installed.

Each exporter takes a function that returns a snapshot: `Stats.snapshot`, or one that merges those of several
processes. It calls the function when the monitoring system collects, or once per interval; counting sends nothing.
"""
