"""File events for Airflow's DAG processor: a saved file is parsed now, instead of after the parse interval.

`Watcher` finds out which files have another content than they had, and asks for them. What tells it to look
(`file_events`) only makes that sooner: the periodic scan is the truth.
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
