"""The Airflow that tests of either host run beside: its home, its database, its processes, whole runs of it.

The tests of one host import nothing from those of the other; what both need is here.
"""
