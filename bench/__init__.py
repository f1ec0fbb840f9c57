"""Benchmarks of sched_cache against the scheduler it plugs into: `python -m bench`.

Not needed at run time.
"""
