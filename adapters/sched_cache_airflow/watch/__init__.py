"""File events for Airflow's DAG processor, so that a saved file is parsed now, and not after the parse interval.

`Watcher` finds files with a changed content, and requests that they be parsed. File events (`file_events`) only make
this sooner; the periodic scan finds every change.
"""

from sched_cache_airflow.hosts.contract import ChangedFile
from sched_cache_airflow.watch.events import EventsUnavailableError, file_events
from sched_cache_airflow.watch.folder import Folder
from sched_cache_airflow.watch.installed_airflow import AskFailedError, InstalledAirflow, host_here
from sched_cache_airflow.watch.state import StateFile
from sched_cache_airflow.watch.watcher import Watcher

__all__ = [
    "AskFailedError",
    "ChangedFile",
    "EventsUnavailableError",
    "Folder",
    "InstalledAirflow",
    "StateFile",
    "Watcher",
    "file_events",
    "host_here",
]
