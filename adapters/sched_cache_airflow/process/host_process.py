"""One process of a host with the plugin in it: the host, its state here, what is replaced, and what is listened to."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Generic, TypeVar

from sched_cache_airflow.hosts.contract import AirflowHost
from sched_cache_airflow.patching.code_table import KnownPart, known_part
from sched_cache_airflow.patching.installation import Installation
from sched_cache_airflow.patching.replacement import Replacements
from sched_cache_airflow.process.per_process import PerProcess
from sched_cache_airflow.process.state import ProcessState
from sched_cache_airflow.settings.host_settings import forget_settings, settings_of_host
from sched_cache_airflow.sharing.write_events import WriteEvents

R = TypeVar("R", bound=ProcessState)


class HostProcess(Generic[R]):
    """What stands in for the host is given this when it is installed, and asks it for the state at each call.

    runtime: the state, made at first use, because it may be discarded and made again while replacements stay. In a
    forked child it is that of the parent, whose parts `sched_cache.fork` makes new.
    """

    def __init__(self, host: AirflowHost[R]) -> None:
        self.host = host
        self.replacements = Replacements()
        self._state = PerProcess(lambda: host.make_runtime(settings_of_host(), self.replacements.original_of))
        self.runtime: Callable[[], R] = self._state.get
        self.write_events = WriteEvents(host.writes, self.runtime)
        self.installation = Installation(
            *(self.replacements, host.patches, self._known),
            process=self,
            prepare=self._prepare,
            give_up=self._give_up,
        )

    def install(self, just_imported: str = "") -> list[str]:
        """Replaces what there is to replace in the modules that the host has imported: see `Installation`."""
        return self.installation.install(just_imported)

    def uninstall(self) -> None:
        """Gives the host back what it had, and ends our connections and threads."""
        self.installation.uninstall()

    def discard_runtime(self) -> None:
        """Forgets the state of this process; the next use reads the configuration again."""
        self._state.discard(ProcessState.close)
        forget_settings()

    def _known(self, name: str) -> KnownPart:
        return known_part(self.host.releases, name)

    def _prepare(self) -> None:
        """Makes the state, and listens to what the process writes; ended with the rest if something is missing."""
        self.runtime()
        writers = (vars(sys.modules[name]) for name in self.host.patches.writers if name in sys.modules)
        models = (names["SerializedDagModel"] for names in writers if "SerializedDagModel" in names)
        self.write_events.start(next(models, None))

    def _give_up(self) -> None:
        """Ends listeners, connections and threads, as far as there are any."""
        self.write_events.stop()
        self.discard_runtime()
