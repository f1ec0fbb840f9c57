"""The certificate of a trial: the code and the installation that it is bound to, and the evidence.

A certificate stands for a pin only as long as everything that it is bound to is the same. The first thing that changed
is the reason why it is void.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from sched_cache.errors import SchedCacheError

VERSION: Final = 1


class CertificateError(SchedCacheError):
    """The text is no certificate, or one of another version of the format. Make a new one."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Everything that must not change.

    digests: path of pinned code -> digest. vocabulary: digest of the words of the host. build: digest of the plugin's
    own source. airflow, python, sqlalchemy: versions. dialect, driver: of the metadata database. strategies, policies,
    listeners: those of the site, by module and name.
    """

    digests: Mapping[str, str]
    vocabulary: str
    build: str
    airflow: str
    python: str
    sqlalchemy: str
    dialect: str
    driver: str
    strategies: tuple[str, ...]
    policies: tuple[str, ...]
    listeners: tuple[str, ...]

    def change(self, now: Bound) -> str:
        """The first thing that is not what it was, in words; empty if nothing changed."""
        for path in sorted(self.digests.keys() | now.digests.keys()):
            if self.digests.get(path) != now.digests.get(path):
                return f"{path.partition(':')[2] or path.rstrip(':')} is not the code that was certified"
        for field in fields(self):
            was, is_now = getattr(self, field.name), getattr(now, field.name)
            if was != is_now and field.name != "digests":
                return f"{field.name}: {_words(was, is_now)}"
        return ""


@dataclass(frozen=True, slots=True)
class Certificate:
    """bound: see there. evidence: the result of the trial, with the seed, the lines and those not demanded."""

    bound: Bound
    evidence: Mapping[str, Any]

    @property
    def certified_at(self) -> str:
        """When the trial ended: UTC, in the form of ISO 8601, so that texts sort by time; empty if it is unknown."""
        return str(self.evidence.get("certified_at") or "")

    def text(self) -> str:
        """JSON, to be stored in a table or a file."""
        document = {"certificate": VERSION, "bound": asdict(self.bound), "evidence": dict(self.evidence)}
        return json.dumps(document, sort_keys=True, indent=1)

    @classmethod
    def read(cls, text: str) -> Certificate:
        """
        Raises:
            CertificateError: see there.
        """
        try:
            document = json.loads(text)
            version = document["certificate"]
            if version != VERSION:
                raise CertificateError(f"a certificate of version {version}, not {VERSION}")
            bound = document["bound"]
            for name in ("strategies", "policies", "listeners"):
                bound[name] = tuple(map(str, bound[name]))
            if document["evidence"]["refusals"]:
                raise CertificateError("the trial was refused")
            return cls(Bound(**bound), document["evidence"])
        except (ValueError, TypeError, KeyError) as error:
            raise CertificateError(f"no certificate: {type(error).__name__}") from error


def _words(was: Any, is_now: Any) -> str:
    if not isinstance(was, tuple):
        return f"{is_now} instead of {was}"
    new, gone = sorted({*is_now} - {*was}), sorted({*was} - {*is_now})
    parts = [f"{', '.join(new)} is new" if new else "", f"{', '.join(gone)} is gone" if gone else ""]
    return "; ".join(filter(None, parts)) or "another order"
