"""The certificate of this process: whether one stands for the pin that its host's code lacks.

The thread that does the periodic work looks; the thread that schedules only reads the result, so that no decision waits
for a database. Nothing is looked at where the code is known.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from sched_cache import fork
from sched_cache.clock import Clock
from sched_cache_airflow.certificates.burn_in import BurnIn
from sched_cache_airflow.certificates.certificate import Bound, Certificate, CertificateError
from sched_cache_airflow.certificates.table import MAX_BYTES, NOTHING, CertificateTable, Known, id_of

logger = logging.getLogger("sched_cache.airflow")

LOOK_SECONDS: Final = 10.0
"""The interval at which the certificate is compared with the process, and its withdrawal read."""
LAPSE_SECONDS: Final = 60.0
"""The age of the last look from which the certificate is not used, because it may have been withdrawn meanwhile."""

_NOT_YET: Final = "its certificate was not looked for yet"
WITHDRAWN: Final = "its certificate was withdrawn"

Named = tuple[str, Certificate]


class HeldCertificate:
    """Looks for a certificate of code that is not pinned.

    burn_in: which decisions are compared while it is in use. n_withdrawn: how often this process has withdrawn one.
    """

    def __init__(
        self,
        unpinned: Callable[[], Mapping[str, str] | None],
        bound: Callable[[Mapping[str, str]], Bound],
        table: CertificateTable | None,
        file: str | None,
        clock: Clock,
        host: Callable[[], str],
    ) -> None:
        """
        Args:
            unpinned: returns the digests of the pinned code, if no tested release has it; otherwise None.
            bound: returns what a certificate of this process would be bound to now.
            table: None if the plugin has no tables.
            file: the path of a certificate.
            host: returns the name of this machine.
        """
        self._unpinned = unpinned
        self._bound = bound
        self._table = table
        self._file = file
        self._clock = clock
        self._host = host
        self.burn_in = BurnIn()
        self.n_withdrawn = 0
        self._found: Named | None = None
        self._reason = _NOT_YET
        self._looked_at: float | None = None
        self._withdrawal: tuple[str, Mapping[str, Any]] | None = None  # to be written
        fork.register(self)

    def reset_after_fork(self) -> None:
        """The parent adds what it has noted."""
        self.burn_in.forget()
        self.n_withdrawn = 0

    @property
    def reason(self) -> str:
        """The reason why no certificate is in use; empty if one is."""
        if self._withdrawal is not None:
            return WITHDRAWN
        if self._reason or self._looked_at is None:
            return self._reason or _NOT_YET
        if self._clock.monotonic() - self._looked_at > LAPSE_SECONDS:
            return "its certificate could not be checked for too long"
        return ""

    @property
    def doubt(self) -> str:
        """The reason, without the machine and the time of a withdrawal: it is counted, and names a metric."""
        reason = self.reason
        return WITHDRAWN if reason.startswith(WITHDRAWN) else reason

    @property
    def certificate(self) -> Certificate | None:
        """The certificate that was found last, in use or not."""
        return None if self._found is None else self._found[1]

    def look(self) -> None:
        """Looks for the certificate, unless it did a moment ago. Never raises: after an error, none is in use."""
        now = self._clock.monotonic()
        is_due = self._looked_at is None or now - self._looked_at >= LOOK_SECONDS
        if not is_due and self._withdrawal is None:
            return
        try:
            digests = self._unpinned()
            if digests is None:
                return
            reason = self._look(digests)
        except Exception as error:
            reason = f"its certificate cannot be checked ({type(error).__name__})"
            if reason != self._reason:
                logger.warning("the certificate cannot be checked: %s", error, exc_info=error)
        self._reason = reason
        self._looked_at = now

    def withdraw(self, facts: Mapping[str, Any]) -> None:
        """Withdraws the certificate: here at once, for the other processes with the next look.

        Args:
            facts: `reason`, and what else tells about the decision that differed.
        """
        found = self._found
        if found is None or self._withdrawal is not None:
            return
        at = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self._withdrawal = found[0], {**facts, "at": at}
        self._reason = WITHDRAWN
        self.n_withdrawn += 1
        logger.error("the certificate is withdrawn for all processes: %s", facts.get("reason"))

    def _look(self, digests: Mapping[str, str]) -> str:
        """The reason why no certificate is in use; empty if one is."""
        if self._table is None:
            return "without the plugin's tables, its certificate could not be withdrawn"
        self._write(self._table)
        certificates, known = self._table.read()
        found = sorted({**certificates, **dict(self._in_file())}.items(), key=lambda one: one[1].certified_at)
        if not found:
            self._found = None
            return "it has no certificate"
        now = self._bound(digests)
        fitting = [one for one in found if not one[1].bound.change(now)]
        name, certificate = self._found = (fitting or found)[-1]
        if not fitting:
            return f"its certificate is void: {certificate.bound.change(now)}"
        about: Known = known.get(name, NOTHING)
        if about.withdrawal is not None:
            return withdrawn_in_words(about.withdrawal)
        self._table.prepare()  # it must be possible to withdraw it
        self.burn_in.set(about.agreed)
        return ""

    def _write(self, table: CertificateTable) -> None:
        if self._withdrawal is not None:
            name, facts = self._withdrawal
            with fork.held_off():  # finding the name of the host uses the resolver
                host = self._host()
            table.withdraw(name, {**facts, "host": host})
            self._withdrawal = None
        agreed = self.burn_in.take()
        if agreed and self._found is not None:
            table.add(self._found[0], agreed)

    def _in_file(self) -> Iterator[Named]:
        if self._file is not None:
            text = read_text(self._file)
            yield id_of(text), Certificate.read(text)


def read_text(path: str) -> str:
    """The text of a certificate in a file.

    Raises:
        OSError: it cannot be read. CertificateError: it is larger than a certificate may be, or no text.
    """
    with Path(path).open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise CertificateError(f"no certificate: more than {MAX_BYTES} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise CertificateError("no certificate: not a text") from error


def withdrawn_in_words(facts: Mapping[str, Any]) -> str:
    """The withdrawal as the reason why a certificate is not used. Names no DAG, because the page shows it."""
    place = f" on {facts['host']}" if facts.get("host") else ""
    moment = f" at {facts['at']}" if facts.get("at") else ""
    return f"{WITHDRAWN}: {facts.get('reason')}{place}{moment}"
