"""Writes the known code of every release and says, of those that are not served yet, what they change.

`make releases`, or `python -m tools.releases [RELEASE ...] [--source FOLDER]`. Packages are downloaded by pip and
kept in a cache folder; nothing is installed. A folder that holds `airflow/` is compared, and not written.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sched_cache_airflow.patching.code_table import CodeTable, digest_in, file_of
from sched_cache_airflow.releases import AIRFLOW_2, AIRFLOW_3, Host, Paths
from tools.environments import ROOT
from tools.releases import readme
from tools.releases.packages import Sources, fetch, order_of, releases_of, sources_in, sources_of
from tools.releases.worklist import nearest, work_list

_VERSION = re.compile(r'^__version__ = "(\d+\.\d+\.\d+)', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Package:
    """The package of a host's releases, and which of them are read: `since` to before `until`."""

    host: Host
    project: str
    since: tuple[int, int]
    until: tuple[int, int]

    def has(self, release: str) -> bool:
        return self.since <= order_of(release)[:2] < self.until


PACKAGES = (
    Package(AIRFLOW_2, "apache-airflow", (2, 9), (3, 0)),
    Package(AIRFLOW_3, "apache-airflow-core", (3, 1), (4, 0)),
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.releases", description=__doc__)
    parser.add_argument("release", nargs="*", help="say in full what these change; without, the newest ones")
    parser.add_argument("--source", type=Path, help="a folder that holds airflow/: say what it changes")
    chosen = parser.parse_args(arguments)
    if chosen.source:
        _compare(chosen.source)
        return
    for package in PACKAGES:
        _write(package, chosen.release)
    readme.write()


def _write(package: Package, chosen: Sequence[str]) -> None:
    parts, tested = package.host.pinned.parts(), package.host.tested
    releases = [release for release in releases_of(package.project) if package.has(release)]
    fetch(package.project, releases)
    sources = {release: sources_of(package.project, release) for release in releases}
    table = table_of(parts, sources)
    file = file_of(package.host)
    table.write(file)
    print(f"{file.relative_to(ROOT)}: {len(table.code)} functions and modules of {len(releases)} releases")
    newest = max(map(order_of, tested))
    for alike in _alike(table):
        is_shown = alike[-1] in chosen or (not chosen and order_of(alike[-1]) > newest)
        if is_shown:
            print(*work_list(table, parts, alike[-1], tested, sources), sep="\n")
        else:
            print(_line(table, alike, tested))


def _compare(folder: Path) -> None:
    """Reports the changes in a folder that contains `airflow/`."""
    read = sources_in(folder)
    found = _VERSION.search(read("airflow") or "")
    package = next((one for one in PACKAGES if found and one.has(found.group(1))), None)
    if package is None:
        raise SystemExit(f"{folder} holds no release of Airflow that the plugin knows of")
    parts, tested, name = package.host.pinned.parts(), package.host.tested, str(folder)
    known = CodeTable.read(file_of(package.host))
    digests = {release: {path: known.digest(path, release) for path in known.code} for release in tested}
    table = CodeTable.of([*tested, name], known.code, {**digests, name: _digests(parts, read)})
    fetch(package.project, tested)
    sources = {release: sources_of(package.project, release) for release in tested}
    print(*work_list(table, parts, name, tested, {**sources, name: read}), sep="\n")


def table_of(parts: Mapping[str, Paths], sources: Mapping[str, Sources]) -> CodeTable:
    """The known code of these releases, in their order."""
    digests = {release: _digests(parts, read) for release, read in sources.items()}
    return CodeTable.of(sources, _paths(parts), digests)


def _digests(parts: Mapping[str, Paths], read: Sources) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in _paths(parts):
        module, _, names = path.partition(":")
        found[path] = digest_in(read(module), names)
    return found


def _paths(parts: Mapping[str, Paths]) -> list[str]:
    return sorted({path for paths in parts.values() for path in paths})


def _alike(table: CodeTable) -> list[list[str]]:
    """The releases, in groups of consecutive releases with the same code."""
    found: list[list[str]] = []
    for release in table.releases:
        if found and release in table.like(found[-1][0], table.code):
            found[-1].append(release)
        else:
            found.append([release])
    return found


def _line(table: CodeTable, alike: Sequence[str], tested: Sequence[str]) -> str:
    other = nearest(table, alike[0], tested)
    n_changed = sum(table.digest(path, alike[0]) != table.digest(path, other) for path in table.code)
    names = alike[0] if len(alike) == 1 else f"{alike[0]} to {alike[-1]}"
    return f"{names}: {n_changed} differ from {other}" if n_changed else f"{names}: as {other}"


if __name__ == "__main__":
    main()
