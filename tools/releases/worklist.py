"""The work that a release makes: the functions whose code is that of no tested release, by name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import unified_diff

from sched_cache_airflow.patching.code_digest import ABSENT, bare, function_in
from sched_cache_airflow.patching.code_table import CodeTable
from tools.releases.packages import Sources


def nearest(table: CodeTable, release: str, tested: Collection[str]) -> str:
    """The tested release with which `release` has most code in common; the newest of several."""
    newest_first = [each for each in reversed(table.releases) if each in tested]
    return min(newest_first, key=lambda each: len(changed(table, release, each)))


def changed(table: CodeTable, release: str, other: str) -> list[str]:
    """The paths whose code differs between two releases."""
    return [path for path in table.code if table.digest(path, release) != table.digest(path, other)]


def work_list(
    table: CodeTable,
    parts: Mapping[str, Collection[str]],
    release: str,
    tested: Collection[str],
    sources: Mapping[str, Sources],
) -> Iterator[str]:
    """The work for a release, one line for each function.

    parts: part of the plugin -> the paths that it rests on. sources: of `release` and of the tested releases.
    """
    other = nearest(table, release, tested)
    work = set(changed(table, release, other))
    if not work:
        yield f"{release}: every pinned function is that of {other}; it is served as it is"
        return
    yield f"{release}: {len(work)} of {len(table.code)} pinned functions differ from {other}"
    for part, paths in parts.items():
        mark = "off" if work.intersection(paths) else "on"
        yield f"  {part}: {mark}"
        for path in paths:
            yield f"    {_verdict(table, path, release, other, sources):>12}  {path}"


def _verdict(table: CodeTable, path: str, release: str, other: str, sources: Mapping[str, Sources]) -> str:
    digest, was = table.digest(path, release), table.digest(path, other)
    if digest == was:
        return "="
    if ABSENT in (digest, was):
        return "absent" if digest == ABSENT else "new"
    before, after = (_bare(sources[name], path).splitlines() for name in (other, release))
    changes = list(unified_diff(before, after, n=0, lineterm=""))[2:]  # without the names of the files
    return f"{sum(line[:1] in '+-' for line in changes)} lines"


def _bare(sources: Sources, path: str) -> str:
    module, _, names = path.partition(":")
    source = sources(module) or ""
    return bare((function_in(source, names) or "") if names else source)
