"""The known code of the host's releases: the digest of each pinned function in each release.

Each host has one file, which `make releases` writes from the packages of all releases. A row names a module or a
function in it, and the releases in which its code is the same.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from sched_cache_airflow.patching.code_digest import ABSENT, digest_of, function_in
from sched_cache_airflow.releases import Host, Paths

_TO: Final = " to "


@dataclass(frozen=True, slots=True)
class CodeTable:
    """`releases`: all that were read, oldest first. `code`: path -> digest -> the releases that have it."""

    releases: tuple[str, ...]
    code: dict[str, dict[str, frozenset[str]]]

    def digest(self, path: str, release: str) -> str:
        """The digest that the code of `path` has in a release of the table."""
        return next(digest for digest, releases in self.code[path].items() if release in releases)

    def releases_with(self, path: str, digest: str) -> frozenset[str]:
        """The releases in which `path` has this digest."""
        return self.code[path].get(digest, frozenset())

    def like(self, release: str, paths: Collection[str]) -> list[str]:
        """The releases whose code of all `paths` is that of `release`, itself included; oldest first."""
        found = set(self.releases)
        for path in paths:
            found &= self.releases_with(path, self.digest(path, release))
        return [each for each in self.releases if each in found]

    @classmethod
    def of(
        cls, releases: Iterable[str], paths: Iterable[str], digests: Mapping[str, Mapping[str, str]]
    ) -> CodeTable:
        """A table from release -> path -> digest."""
        names = tuple(releases)
        code: dict[str, dict[str, set[str]]] = {path: {} for path in paths}
        for name in names:
            for path, rows in code.items():
                rows.setdefault(digests[name][path], set()).add(name)
        return cls(
            names, {path: {key: frozenset(r) for key, r in rows.items()} for path, rows in code.items()}
        )

    @classmethod
    def read(cls, file: Path) -> CodeTable:
        """The table in a file that `write` wrote."""
        document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        releases = tuple(document["releases"])
        return cls(
            releases,
            {
                path: {digest: frozenset(_named(spans, releases)) for digest, spans in rows.items()}
                for path, rows in document["code"].items()
            },
        )

    def write(self, file: Path) -> None:
        """Writes a file with one line for each release and each digest of a function."""
        code = {
            path: {digest: list(_spans(rows[digest], self.releases)) for digest in self._by_age(rows)}
            for path, rows in self.code.items()
        }
        lines = ['{"releases": [', *_items(json.dumps(release) for release in self.releases), '], "code": {']
        for number, (path, rows) in enumerate(code.items(), 1):
            ends = "}," if number < len(code) else "}"
            lines.append(f"{json.dumps(path)}: {{")
            lines += _items(f"{json.dumps(digest)}: {json.dumps(spans)}" for digest, spans in rows.items())
            lines.append(ends)
        file.write_text("\n".join([*lines, "}}", ""]), encoding="utf-8")

    def _by_age(self, rows: Mapping[str, frozenset[str]]) -> list[str]:
        return sorted(rows, key=lambda digest: min(map(self.releases.index, rows[digest])))


class KnownCode:
    """The code of the releases that the plugin was tested with."""

    def __init__(self, table: CodeTable, tested: Iterable[str]) -> None:
        self.table = table
        self.tested = frozenset(tested)

    def doubt(self, digests: Iterable[tuple[str, str]]) -> str:
        """The reason why the code was not tested, by its paths; empty if it was.

        Code was tested if one tested release has all of it. The combination of functions from different releases was
        not tested, even if each of them is known.
        """
        left = self.tested
        for path, digest in digests:
            known = self.table.releases_with(path, digest) & self.tested
            if not known:
                return f"{_name(path)} is not the code of a known release"
            if not known & left:
                return f"{_name(path)} is that of {_newest(known)} beside code of {_newest(left)}"
            left &= known
        return ""


@cache
def known_code(host: Host) -> KnownCode:
    """The code of the releases that a host was tested with. Read at first use."""
    return KnownCode(CodeTable.read(file_of(host)), host.tested)


class KnownPart(NamedTuple):
    """The host's code on which a part of the plugin depends."""

    known: KnownCode
    paths: Paths


def known_part(host: Host, name: str) -> KnownPart:
    """That of a part by its name in `releases.PinnedCode`."""
    return KnownPart(known_code(host), host.pinned.parts()[name])


def file_of(host: Host) -> Path:
    """The file with a host's table."""
    return Path(__file__).parents[1] / "hosts" / host.name / "known_code.json"


def _name(path: str) -> str:
    module, _, names = path.partition(":")
    return names or module


def _newest(releases: Collection[str]) -> str:
    return max(releases, key=lambda release: [int(part) for part in release.split(".")])


def digest_in(source: str | None, names: str) -> str:
    """The digest of a function in the source of its module; of the module itself where `names` is empty.

    Raises:
        SyntaxError: this Python cannot read it.
    """
    code = function_in(source, names) if source is not None and names else source
    return ABSENT if code is None else digest_of(code)


def _items(texts: Iterable[str]) -> list[str]:
    found = [f"  {text}," for text in texts]
    return [*found[:-1], found[-1].removesuffix(",")] if found else []


def _spans(some: Collection[str], releases: tuple[str, ...]) -> Iterator[str]:
    """Consecutive releases as a range: `3.1.0b1 to 3.1.2`."""
    begins = ends = ""
    for release in (*releases, ""):
        if release in some:
            begins, ends = begins or release, release
        elif begins:
            yield begins if begins == ends else f"{begins}{_TO}{ends}"
            begins = ""


def _named(spans: Iterable[str], releases: tuple[str, ...]) -> Iterator[str]:
    for span in spans:
        begins, _, ends = span.partition(_TO)
        yield from releases[releases.index(begins) : releases.index(ends or begins) + 1]
