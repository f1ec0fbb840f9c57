"""Puts our parts into the host's place, and takes them out again.

What is replaced is the table `hosts/patches/airflow2.py`, and nothing else.
"""

from __future__ import annotations

import sys
from typing import Final

from sched_cache_airflow.hosts.airflow2.replacements import replacements
from sched_cache_airflow.hosts.patches.airflow2 import PATCHES
from sched_cache_airflow.patching.code_table import KnownPart, known_part
from sched_cache_airflow.patching.installation import Installation
from sched_cache_airflow.releases import AIRFLOW_2

_CONTENTS: Final = "airflow.models.serialized_dag"


def _known(name: str) -> KnownPart:
    return known_part(AIRFLOW_2, name)


def _prepare() -> None:
    """Makes the state of the process, and listens to what it writes; ended with the rest if something is missing."""
    from sched_cache_airflow.hosts.airflow2.runtime import runtime
    from sched_cache_airflow.hosts.airflow2.write_events import write_events

    runtime()
    write_events.start(vars(sys.modules[_CONTENTS]).get("SerializedDagModel"))


def _give_up() -> None:
    """Ends listeners, connections and threads, as far as there are any."""
    events = sys.modules.get(f"{__package__}.write_events")
    if events is not None:
        events.write_events.stop()
    state = sys.modules.get(f"{__package__}.runtime")
    if state is not None:
        state.discard_runtime()


installation = Installation(replacements, PATCHES, _known, prepare=_prepare, give_up=_give_up)
install = installation.install
uninstall = installation.uninstall
"""Gives the host back what it had, and ends our connections and threads."""
