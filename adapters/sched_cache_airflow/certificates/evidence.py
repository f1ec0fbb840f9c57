"""The evidence of a certificate in words and as plain values, for reports, `sched-cache doctor` and `certify`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from sched_cache_airflow.certificates.burn_in import DECISIONS_OF_A_SHAPE, SHAPES
from sched_cache_airflow.certificates.certificate import Certificate
from sched_cache_airflow.certificates.held import WITHDRAWN, HeldCertificate
from sched_cache_airflow.certificates.table import Known


def trust_of(is_pinned: bool | None, held: HeldCertificate) -> dict[str, Any]:
    """The facts of a process about the trust in its decisions.

    by: `pin`, `certificate`, or empty without either. words: one line. is_withdrawn: whether a certificate was
    withdrawn. Empty if the code was not examined yet.
    """
    if is_pinned is None:
        return {}
    if is_pinned:
        return {"by": "pin", "words": "decisions by the code of a tested release"}
    reason, certificate = held.reason, held.certificate
    if reason or certificate is None:
        words = f"decisions left to Airflow, whose code no tested release has: {reason}"
        return {"by": "", "words": words, "is_withdrawn": reason.startswith(WITHDRAWN)}
    burn_in = burn_in_in_words(held.burn_in.n_done, held.burn_in.n_seen)
    return {"by": "certificate", "words": f"decisions by the certificate {in_words(certificate)}; {burn_in}"}


def in_words(certificate: Certificate) -> str:
    """When the trial ended, and what it showed."""
    of = certificate.evidence.get
    return (
        f"of {certificate.certified_at}, seed {of('seed')}: {of('n_loops')} loops, "
        f"{of('n_executed')} of {of('n_lines')} pinned lines executed, {len(of('unreachable') or ())} not demanded, "
        f"{of('n_found')} of {of('n_mutants')} mutants found"
    )


def burn_in_in_words(n_done: int, n_seen: int) -> str:
    """The progress of the burn-in."""
    if n_done >= SHAPES:
        return "burn-in done"
    return f"burn-in: {n_done} of {n_seen} shapes of DAGs agreed, or {SHAPES} if there are more"


def shown(certificate: Certificate, known: Known) -> Iterator[str]:
    """All that is known of a certificate, line by line."""
    yield f"certificate {in_words(certificate)}"
    bound = asdict(certificate.bound)
    yield f"  bound to {len(bound.pop('digests'))} functions and modules of Airflow"
    for name, value in bound.items():
        yield f"  {name}: {(', '.join(value) or 'none') if isinstance(value, list | tuple) else value}"
    n_done = sum(n_agreed >= DECISIONS_OF_A_SHAPE for n_agreed in known.agreed.values())
    yield f"  {burn_in_in_words(n_done, len(known.agreed))}"
    for name, value in dict(known.withdrawal or {}).items():
        yield f"  withdrawn, {name}: {value}"
    for line in lines_not_demanded(certificate.evidence):
        yield f"  {line}"


def lines_not_demanded(evidence: Mapping[str, Any]) -> Iterator[str]:
    """One line for each pinned line that the trial did not demand, with the reason."""
    for function, text, reason in evidence.get("unreachable") or ():
        yield f"not demanded: {function}: {text}: {reason}"
