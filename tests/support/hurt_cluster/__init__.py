"""Processors and schedulers as processes that are killed, on edited files and on servers with injected faults."""
