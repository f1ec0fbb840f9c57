"""Everything in this process that a certificate is bound to, as it is now."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import blake2b
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import Dialect

import sched_cache
from sched_cache.errors import SchedCacheError
from sched_cache_airflow.certificates import site
from sched_cache_airflow.certificates.certificate import Bound
from sched_cache_airflow.host_database.transactions import known_engine
from sched_cache_airflow.hosts.contract import DECISIONS
from sched_cache_airflow.hosts.vocabulary import Vocabulary
from sched_cache_airflow.patching.code_digest import UNREADABLE
from sched_cache_airflow.releases import host_version

_FOLDERS: Final = (Path(sched_cache.__file__).parent, Path(__file__).parents[1])
_COMPILED: Final = "__pycache__"


class UnboundError(SchedCacheError):
    """Something that a certificate is bound to cannot be found out, so that no certificate can be used here."""


def bound_now(digests: Mapping[str, str], vocabulary: Vocabulary, dialect: Dialect) -> Bound:
    """
    Args:
        digests: path of pinned code -> digest, of the functions as the host defined them.
        dialect: of the engine of the metadata database.

    Raises:
        UnboundError: see there. The host's own errors pass.
    """
    unreadable = [path for path, digest in digests.items() if digest == UNREADABLE]
    if unreadable:
        raise UnboundError(f"the source of {unreadable[0]} cannot be read")
    return Bound(
        digests=dict(digests),
        vocabulary=vocabulary.digest(DECISIONS),
        build=build(),
        airflow=host_version() or "",
        python=".".join(platform.python_version_tuple()[:2]),
        sqlalchemy=metadata.version("sqlalchemy"),
        dialect=dialect.name,
        driver=str(dialect.driver),
        strategies=site.strategies(),
        policies=site.policies(),
        listeners=site.listeners(),
    )


def bound_in_process(vocabulary: Vocabulary, digests: Mapping[str, str]) -> Bound:
    """The same with the engine of the host in this process.

    Raises:
        UnboundError: there is none; or as above.
    """
    engine = known_engine()
    if engine is None:
        raise UnboundError("Airflow has not connected to its database")
    return bound_now(digests, vocabulary, engine.dialect)


@cache
def build() -> str:
    """The digest of our own code: every file of both packages. Read once; a few milliseconds."""
    return digest_of_folders(_FOLDERS)


def digest_of_folders(folders: Iterable[Path]) -> str:
    """The digest of the names and bytes of all files, without those that Python has compiled."""
    digest: Any = blake2b(digest_size=16)
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and _COMPILED not in path.parts:
                digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
    return str(digest.hexdigest())
