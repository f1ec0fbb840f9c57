"""One process of a host with the plugin: the host, its state, the replacements and the listeners."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Generic, TypeVar

from sched_cache_airflow.hosts.contract import CONTENTS, AirflowHost
from sched_cache_airflow.patching.code_table import KnownPart, known_part
from sched_cache_airflow.patching.installation import Installation
from sched_cache_airflow.patching.replacement import NotReplaceableError, Replacements
from sched_cache_airflow.patching.status import status
from sched_cache_airflow.process.per_process import PerProcess
from sched_cache_airflow.process.state import ProcessState
from sched_cache_airflow.settings.host_settings import forget_settings, settings_of_host
from sched_cache_airflow.sharing.write_events import WriteEvents

R = TypeVar("R", bound=ProcessState)


class HostProcess(Generic[R]):
    """The host, the state of this process, the replacements and the listeners. Replacements get it when installed.

    runtime: returns the state, which is created at first use. Replacements call it each time, because the state may be
    discarded and created again. A forked child has the state of its parent, whose parts `sched_cache.fork` resets.
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
        """Applies the patches to the modules that the host has imported: see `Installation`."""
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
        """Creates the state, and starts the write events. Both are ended with the rest if something is missing.

        Raises:
            NotReplaceableError: documents of DAGs or their tables have words that no tested release has.
        """
        vocabulary = self.host.vocabulary
        if vocabulary.doubt(CONTENTS):
            raise NotReplaceableError(vocabulary.doubt(*vocabulary.parts))
        doubts = ((part, vocabulary.doubt(part)) for part in vocabulary.parts)
        status.leave({part: doubt for part, doubt in doubts if doubt})
        self.runtime()
        writers = (vars(sys.modules[name]) for name in self.host.patches.writers if name in sys.modules)
        models = (names["SerializedDagModel"] for names in writers if "SerializedDagModel" in names)
        self.write_events.start(next(models, None))
        self.runtime().wake.start()

    def _give_up(self) -> None:
        """Ends listeners, connections and threads, as far as there are any."""
        self.write_events.stop()
        self.discard_runtime()
