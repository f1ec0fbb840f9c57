"""Have Airflow parse DAG files as soon as they are saved.

Runs beside the DAG processor, where its files are and Airflow is installed. File events only make it sooner: every
so often all files are compared, so network file systems and swapped symlinks work too. Only changed bytes count.
Without FOLDER, Airflow's own: the DAG folder of Airflow 2, the bundles of Airflow 3 that are plain folders.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sched_cache.cli.failure import UsageError

if TYPE_CHECKING:
    from sched_cache_airflow.watch import Folder, InstalledAirflow, Watcher

EXAMPLES = """\
  sched-cache watch                              the folders that Airflow itself reads
  sched-cache watch /opt/airflow/dags/sales      one subfolder of them
  sched-cache watch --scan-seconds 5             where file events do not arrive: NFS, some container mounts
  sched-cache watch --once                       after a deployment, from its hook
"""
_TICK_SECONDS = 0.5
_FIRST_REPEAT_SECONDS = 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", metavar="FOLDER", nargs="*", help="in one that Airflow reads")
    parser.add_argument(
        "--bundle", metavar="NAME", help="the bundle that each FOLDER is, where its path does not tell"
    )
    parser.add_argument(
        "--rest-seconds",
        type=_seconds,
        default=0.1,
        metavar="S",
        help="ask once nothing changed for so long, or after ten times that (default 0.1)",
    )
    parser.add_argument(
        "--scan-seconds",
        type=_seconds,
        default=30.0,
        metavar="S",
        help="compare all files this often (default 30)",
    )
    parser.add_argument(
        "--repeat-seconds",
        type=_many_seconds,
        metavar="S,S",
        help="ask again so long after a change (default 3, and 3 after [core] min_serialized_dag_update_interval)",
    )
    parser.add_argument(
        "--state",
        metavar="FILE",
        help="what was asked for, or `none` (default AIRFLOW_HOME/sched_cache_watch.json)",
    )
    parser.add_argument("--no-events", action="store_true", help="only compare files")
    parser.add_argument("--once", action="store_true", help="compare, ask for what changed, and end")


def run(arguments: argparse.Namespace) -> int:
    from sched_cache.clock import SystemClock
    from sched_cache_airflow.watch import StateFile, Watcher, host_here

    host = host_here()
    if host is None:
        raise UsageError("no Airflow is installed here that takes requests for files: 2.10 and newer ones do")
    folders = _folders(arguments, host)
    state = arguments.state or os.path.join(host.home, "sched_cache_watch.json")
    repeats = arguments.repeat_seconds
    if repeats is None:
        repeats = [_FIRST_REPEAT_SECONDS]
        if host.write_interval_seconds > 0:
            repeats.append(_FIRST_REPEAT_SECONDS + host.write_interval_seconds)
    watcher = Watcher(
        folders,
        host,
        StateFile(None if state == "none" else Path(state)),
        # A command that ends at once cannot repeat a request.
        repeat_after_seconds=() if arguments.once else repeats,
        clock=SystemClock(),
        report=_report,
    )
    for folder in folders:
        _report(f"watching {folder.path}" + (f", bundle {folder.bundle}" if folder.bundle else ""))
    if arguments.once:
        watcher.start()
        watcher.tick()
        return 0 if watcher.is_done else 1
    _watch(watcher, folders, arguments)
    return 0


def _watch(watcher: Watcher, folders: Sequence[Folder], arguments: argparse.Namespace) -> None:
    """Never ends. Compares all files after each start of the events, because earlier changes caused none."""
    from sched_cache_airflow.watch import EventsUnavailableError

    is_started, reported = False, ""
    while True:
        identities = [folder.identity for folder in folders]
        events = _events(identities, arguments)
        scan_at: float | None = None
        has_events = True
        while [folder.identity for folder in folders] == identities:
            try:
                has_changed = next(events, None)
            except EventsUnavailableError as error:
                has_changed = None
                if str(error) != reported:
                    reported = str(error)
                    _report(f"{reported}; comparing files every {arguments.scan_seconds:g} s")
            now = time.monotonic()
            if not is_started:
                watcher.start()
                is_started = True
                scan_at = now + arguments.scan_seconds
            elif has_changed or scan_at is None or now >= scan_at:
                if scan_at is not None and not has_events:
                    break  # continue with events, if the system gives them by now
                watcher.look()
                scan_at = now + arguments.scan_seconds
            watcher.tick()
            if has_changed is None:
                has_events = False
                time.sleep(_TICK_SECONDS)


def _events(identities: Sequence[Any], arguments: argparse.Namespace) -> Iterator[bool]:
    from sched_cache_airflow.watch import file_events

    paths = [identity[0] for identity in identities if identity is not None]
    return iter(()) if arguments.no_events or not paths else file_events(paths, arguments.rest_seconds)


def _folders(arguments: argparse.Namespace, host: InstalledAirflow) -> list[Folder]:
    """The folders to watch, in the spelling of the host."""
    from sched_cache_airflow.watch import Folder

    of_host = host.folders()
    if arguments.bundle and of_host and of_host[0].bundle is None:
        raise UsageError("--bundle is for Airflow 3")
    chosen = arguments.folders or [folder.path for folder in of_host]
    if not chosen:
        raise UsageError("no bundle of this Airflow is a plain folder: name a FOLDER and its --bundle")
    found = []
    for path in chosen:
        if not os.path.isdir(path) and arguments.folders:
            raise UsageError(f"{path}: is not a folder")
        if arguments.bundle and path in arguments.folders:
            found.append(Folder(arguments.bundle, os.path.abspath(path), "", host.listing))
            continue
        real = os.path.realpath(path)
        inside = [
            (root, os.path.relpath(real, os.path.realpath(root.path)))
            for root in of_host
            if os.path.commonpath([real, os.path.realpath(root.path)]) == os.path.realpath(root.path)
        ]
        if not inside:
            roots = ", ".join(root.path for root in of_host) or "none"
            raise UsageError(f"{path}: is in no folder that Airflow reads ({roots}); name its --bundle")
        root, below = max(inside, key=lambda pair: len(os.path.realpath(pair[0].path)))
        found.append(Folder(root.bundle, root.path, "" if below == os.curdir else below, host.listing))
    return found


def _report(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.01 <= value <= 86400:
        raise argparse.ArgumentTypeError("0.01 to 86400 seconds")
    return value


def _many_seconds(text: str) -> list[float]:
    return [_seconds(part) for part in text.split(",") if part.strip()]
